"""Try it: pictures, a report and an event by a form."""
