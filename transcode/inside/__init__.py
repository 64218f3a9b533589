"""What runs behind the wall: PyAV reads, copies and pictures one master, and says what it found as JSON.

May import: transcode.sandbox, storyboard, timing and waveform, the standard library and PyAV.
Imported by: nobody; transcode.child starts `__main__.py` as a process of its own. Nothing said here is believed
before the parent has checked it.
"""
