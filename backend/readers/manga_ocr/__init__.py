"""manga-ocr (`kha-white/manga-ocr-base`, Apache-2.0), the recogniser of Japanese bubbles: own batched inference from a local directory.

    decoder      the BERT that writes, one token at a time
    network      it, and the vision transformer it looks at
    recognizer   `MangaOcrRecognizer`, what the MAGI reader is given

It reads one text at a time, lines joined, in columns or in lines. Needs the extra `[gpu]`.
"""
