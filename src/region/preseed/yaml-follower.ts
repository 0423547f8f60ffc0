// Follows a YAML text as it is written, to find out whether a value begins at the next character, or quotes are open.
//
// Source: YAML 1.2 §6.6 (comments), §6.9 (tags and anchors), §7.3 (flow scalars), §7.4 (flow collections), §8.2 (block collections).
//
// 1. A value begins at the start of a line, after an indicator in a valid position, and after tags and anchors.
// 2. A line that continues the plain text of the line before is not recognised; quoted text there makes the document invalid.

/** The context of the next character in a YAML text. */
type YamlContext =
  | { readonly kind: 'comment' }
  /** `quote` is the open quotation mark, or empty; `isStart`: a value begins here. */
  | { readonly kind: 'yaml'; readonly quote: string; readonly isStart: boolean };

export class YamlFollower {
  #quote = '';
  #isEscaped = false;
  #isComment = false;
  #previous = '';
  /** True if a value begins here. */
  #isFresh = true;
  /** True after an indicator, a tag or an anchor: a value begins after the next blank. */
  #isPending = false;
  /** True inside a tag or an anchor. */
  #isMark = false;
  /** Open flow collections (lists and maps in brackets). */
  #flows = 0;

  next(character: string): void {
    if (this.#isComment && character !== '\n') return;
    if (this.#quote !== '') this.#readQuoted(character);
    else if (/\s/.test(character)) this.#readBlank(character);
    else if (character === '#' && /^\s?$/.test(this.#previous)) this.#isComment = true;
    else this.#read(character);
    this.#previous = character;
  }

  context(): YamlContext {
    if (this.#isComment) return { kind: 'comment' };
    return { kind: 'yaml', quote: this.#quote, isStart: this.#isFresh };
  }

  #readQuoted(character: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (this.#quote === '"' && character === '\\') this.#isEscaped = true;
    else if (character === this.#quote) this.#quote = '';
  }

  #readBlank(character: string): void {
    if (this.#isPending) this.#isFresh = true;
    this.#isPending = false;
    this.#isMark = false;
    if (character !== '\n') return;
    this.#isComment = false;
    if (this.#flows === 0) this.#isFresh = true;
  }

  #read(character: string): void {
    if (this.#isMark) return;
    const isFresh = this.#isFresh;
    this.#isFresh = false;
    this.#isPending = character === ':' || (isFresh && /[-?&!]/.test(character));
    if (isFresh && (character === '&' || character === '!')) this.#isMark = true;
    else if (isFresh && (character === '"' || character === "'")) this.#quote = character;
    else if (isFresh && (character === '[' || character === '{')) {
      this.#flows += 1;
      this.#isFresh = true;
    } else if (this.#flows > 0) {
      if (character === ',') this.#isFresh = true;
      else if (character === ']' || character === '}') this.#flows -= 1;
    }
  }
}
