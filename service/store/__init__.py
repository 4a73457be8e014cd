"""Every read and write: one module for each file of `sql/queries`, one method for each named query."""
