// Text for HTML. What leaves here can neither end the markup around it nor turn or hide the text beside it.

import { cleanLines } from '../../clean-text.ts';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** What a form holds, as it is: it comes back when the form is sent, and must be the same then. */
export const escapeHeld = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');

/** Text for HTML, between tags and inside quoted attributes; control characters and invisible ones are shown as escapes. */
export const escapeHtml = (text: string): string => escapeHeld(cleanLines(text));
