// Notes before they are sentences: a code and its parameters (`records/rack-note.ts`).

import type { RackNote } from '../records/rack-note.ts';
import { noteText } from './rack-reasons.ts';

/** A note with its sentence, as events bring it to the log. */
type SpokenNote<N extends RackNote> = N & { readonly text: string };

/** Adds its sentence to a note. */
export const spoken = <N extends RackNote>(note: N): SpokenNote<N> => ({ ...note, text: noteText(note) });
