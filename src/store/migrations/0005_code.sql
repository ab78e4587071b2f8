-- The number of the error that a run ended with; null where it ended well or is not over.
ALTER TABLE runs ADD COLUMN code TEXT;
UPDATE runs SET code = 'E0512' WHERE state = 'halted' AND summary LIKE 'E0512:%';
