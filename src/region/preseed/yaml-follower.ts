// Follows a YAML text as it is written, to find out whether a value begins at the next character,
// or quotes are open.
//
// Source: YAML 1.2 §6.6 (comments), §6.9 (tags and anchors), §7.3 (flow scalars), §7.4 (flow
// collections), §8.1 (block scalars), §8.2 (block collections).
//
//   key: |        a block scalar: every deeper line below it is text, whatever it contains
//     text
//
// 1. A value begins at the start of a line, after an indicator in a valid position, and after tags
//    and anchors.
// 2. A line that continues the plain text of the line before is not recognised; quoted text there
//    makes the document invalid.

type YamlContext =
  /** `text`: in a line of a block scalar. */
  | { readonly kind: 'comment' | 'text' }
  /** `quote` is the open quotation mark, or empty; `isStart`: a value begins here. */
  | { readonly kind: 'yaml'; readonly quote: string; readonly isStart: boolean };

/**
 * A line that opens a block scalar: dashes, a plain key, and the indicators. Any other form counts
 * as no block, so that more is refused.
 */
const BLOCK_SCALAR = /^( *(?:- +)*)([A-Za-z0-9_./-]+: *)?[|>][+-]?(?: +#.*)?$/;
const HEADER_CHARACTERS_MAX = 256;

export class YamlFollower {
  #quote = '';
  #isEscaped = false;
  #isComment = false;
  #previous = '';
  #isFresh = true;
  /** True after an indicator, a tag or an anchor: a value begins after the next blank. */
  #isPending = false;
  #isMark = false;
  #flows = 0;
  /** The current line up to here, at most HEADER_CHARACTERS_MAX, its length and its indentation. */
  #line = '';
  #length = 0;
  #indent = 0;
  /** The column of the node that the open block scalar belongs to; -1: none is open. */
  #block = -1;

  next(character: string): void {
    if (character === '\n') this.#endLine();
    else {
      if (character === ' ' && this.#indent === this.#length) this.#indent += 1;
      this.#length += 1;
      if (this.#length <= HEADER_CHARACTERS_MAX) this.#line += character;
    }
    if (this.#isInBlock()) return;
    if (this.#isComment && character !== '\n') return;
    if (this.#quote !== '') this.#readQuoted(character);
    else if (/\s/.test(character)) this.#readBlank(character);
    else if (character === '#' && /^\s?$/.test(this.#previous)) this.#isComment = true;
    else this.#read(character);
    this.#previous = character;
  }

  context(): YamlContext {
    if (this.#isInBlock()) return { kind: 'text' };
    if (this.#isComment) return { kind: 'comment' };
    return { kind: 'yaml', quote: this.#quote, isStart: this.#isFresh };
  }

  /** True in a line that is deeper than the node of the open block scalar, once its indentation shows it. */
  #isInBlock(): boolean {
    return this.#block >= 0 && this.#indent > this.#block;
  }

  #endLine(): void {
    const [line, indent, length] = [this.#line, this.#indent, this.#length];
    this.#line = '';
    this.#indent = 0;
    this.#length = 0;
    // An empty line does not end it.
    if (this.#block >= 0 && (indent === length || indent > this.#block)) return;
    this.#block = -1;
    if (this.#quote !== '' || this.#flows > 0 || length > HEADER_CHARACTERS_MAX) return;
    const [header, dashes = '', key] = BLOCK_SCALAR.exec(line) ?? [];
    if (header === undefined) return;
    // Of an item, the node is its dash; of a key behind dashes, the key.
    this.#block = key === undefined ? dashes.lastIndexOf('-') : dashes.length;
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
