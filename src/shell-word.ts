// Quotes a word for sh(1), in commands that an operator is shown.

/** A word, quoted for a shell if necessary. */
export const shellWord = (text: string): string =>
  /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
