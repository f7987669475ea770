"""The recorder, alone and behind the library's interfaces."""
