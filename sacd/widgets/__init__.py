"""What people look at live: the viewer of nights and clips, and a player of a few clips in a page without a kernel."""

from sacd.widgets.viewer import Viewer

__all__ = ["Viewer"]
