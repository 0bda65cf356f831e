"""What runs only at the instructor's: release, grading, gradebook, feedback, a sample class."""
