"""Research workbench for cross-modal distillation from EEG to infrared sleep video."""

__version__ = "0.1.0"
