"""In-domain motion pretraining of the small video networks, on simulated people who are in no cohort."""
