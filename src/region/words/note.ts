// Adds sentences to notes, which are a code and parameters (`records/rack-note.ts`).

import type { RackNote } from '../records/rack-note.ts';
import { noteText } from './rack-reasons.ts';

/** A note with its sentence, as events carry it to the log. */
type SpokenNote<N extends RackNote> = N & { readonly text: string };

/** Adds its sentence to a note. */
export const spoken = <N extends RackNote>(note: N): SpokenNote<N> => ({ ...note, text: noteText(note) });
