"""Every destination against servers that nobody of this project wrote: what they hold, beside what the product says."""
