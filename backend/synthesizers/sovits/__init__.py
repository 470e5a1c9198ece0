"""GPT-SoVITS v2ProPlus behind the synthesizer protocol, through gsv-tts-lite.

engine.py        the protocol: one worker, a bounded queue, clips fetched, results in order
booth.py         a call's lines: grouped, batched, checked, spoken again, reported failed
pieces.py        one utterance's text as what the engine is given
gate.py          is this take the line, whole and once? Reasons if not
hearing.py       the optional check by ear: a recogniser and error rates
conditioning.py  reference clips by content, measured once, bounded
builtin.py       the built-in voices' own clips
directory.py     what SOVITS_DIR holds and what is missing
checkpoints.py   pickled checkpoints read without running their code, written as safetensors
gsv.py           the one module that imports gsv_tts, and what it must not do here
english.py       the English lexicon, without pickles
"""

from backend.synthesizers.sovits.engine import SovitsSynthesizer

__all__ = ["SovitsSynthesizer"]
