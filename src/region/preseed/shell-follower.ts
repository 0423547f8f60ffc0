// Follows a shell script as it is written, to tell whether the next character stands inside quotes.
//
// Source: POSIX Shell Command Language §2.2 (quoting), §2.3 (tokens, comments), §2.6.3 (command substitution), §2.7.4 (here-documents).
//
// 1. It knows the plain forms: quotes, `$( )`, brackets, `${ }`, back-quotes, comments, here-documents. After anything in which it could
//    be mistaken (back-quotes inside double quotes, `case` inside brackets, `$'`) it is unsure for good, and says that all is quoted.
// 2. Its place decides only whether a quoted text may stand there; plain words may stand everywhere.

/** What is open: quotes, brackets, back-quotes, `${`, and `$((`, in which quotes do not quote. */
type Frame = '"' | '(' | '`' | '{' | '$((';

/** Where in a script the next character stands. */
export type ShellPlace =
  | { readonly kind: 'shell-comment' | 'here-document' }
  /** `quote` is what is open, or empty. */
  | { readonly kind: 'shell'; readonly quote: string };

/** Frames inside each other. */
const FRAMES_MAX = 64;
const HERE_DOCUMENT = /<<(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|([A-Za-z0-9_.-]+))(?=[\s;&|<>)]|$)/;
/** What a comment can follow. */
const WORD_START = /^[\s;&|(]?$/;

export class ShellFollower {
  /** Outermost first. */
  readonly #frames: Frame[] = [];
  #isUnsure = false;
  #isSingle = false;
  #isEscaped = false;
  #isComment = false;
  #previous = '';
  #beforeEscape = '';
  /** The line without its comment. */
  #line = '';
  /** The line that ends the here-document that is open; undefined: none is. */
  #ending: { readonly word: string; readonly isIndented: boolean } | undefined;

  next(character: string): void {
    if (character === '\n') this.#newLine();
    else if (this.#ending !== undefined) this.#line += character;
    else if (!this.#isComment) {
      this.#line += character;
      this.#read(character);
    }
  }

  place(): ShellPlace {
    if (this.#ending !== undefined) return { kind: 'here-document' };
    if (this.#isComment) return { kind: 'shell-comment' };
    const isOpen = this.#isUnsure || this.#frames.some((frame) => frame !== '(');
    return { kind: 'shell', quote: this.#isEscaped ? '\\' : this.#isSingle ? "'" : isOpen ? '"' : '' };
  }

  #newLine(): void {
    const line = this.#line;
    this.#line = '';
    this.#isComment = false;
    if (this.#ending !== undefined) {
      const { word, isIndented } = this.#ending;
      if ((isIndented ? line.replace(/^\t+/, '') : line) === word) this.#ending = undefined;
    } else {
      // An escaped break is none: what follows stands behind what was before the back-slash.
      this.#previous = this.#isEscaped ? this.#beforeEscape : '\n';
      this.#openDocument(line);
    }
    this.#isEscaped = false;
  }

  #openDocument(line: string): void {
    if (!line.includes('<<')) return;
    const [found, dash, single, double, bare] = HERE_DOCUMENT.exec(line) ?? [];
    const isPlain = found !== undefined && line.split('<<').length === 2;
    // Arithmetic shifts bits with the same sign; that costs nothing but that more is refused.
    if (!isPlain || this.#isEscaped || this.#isSingle || this.#frames.length > 0) this.#isUnsure = true;
    else this.#ending = { word: single ?? double ?? bare ?? '', isIndented: dash === '-' };
  }

  #read(character: string): void {
    const previous = this.#previous;
    this.#previous = character;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      // An escaped blank begins no word.
      this.#previous = 'x';
    } else if (this.#isSingle) {
      if (character === "'") this.#isSingle = false;
    } else if (character === '\\') {
      this.#isEscaped = true;
      this.#beforeEscape = previous;
      if (this.#frames.includes('`')) this.#isUnsure = true;
    } else if (character === '"') {
      if (this.#frames.at(-1) === '"') this.#frames.pop();
      else this.#push('"');
    } else if (character === '`') {
      if (this.#frames.at(-1) === '`') this.#frames.pop();
      else if (this.#frames.length > 0) this.#isUnsure = true;
      else this.#push('`');
    } else if (character === '{' && previous === '$') this.#push('{');
    else if (character === '}' && this.#frames.at(-1) === '{') this.#frames.pop();
    else if (character === '(' && previous === '$') this.#push('(');
    else if (character === '(' && this.#line.endsWith('$((')) this.#beginArithmetic();
    else if (this.#frames.at(-1) !== '"') this.#readPlain(character, previous);
  }

  /** What means something outside of double quotes only. */
  #readPlain(character: string, previous: string): void {
    if (character === "'") {
      if (previous === '$' || this.#frames.includes('{')) this.#isUnsure = true;
      this.#isSingle = true;
    } else if (character === '(') this.#push('(');
    else if (character === ')') {
      if (this.#frames.at(-1) === '(' || this.#frames.at(-1) === '$((') this.#frames.pop();
    } else if (character === '#' && WORD_START.test(previous) && !this.#isExpression()) {
      this.#isComment = true;
      if (this.#frames.includes('`')) this.#isUnsure = true;
    } else if (character === 'e' && this.#frames.length > 0 && this.#line.endsWith('case')) this.#isUnsure = true;
  }

  /** Where `#` begins no comment. */
  #isExpression(): boolean {
    return this.#frames.at(-1) === '{' || this.#frames.includes('$((');
  }

  #beginArithmetic(): void {
    this.#frames.pop();
    this.#push('$((');
    this.#push('(');
  }

  #push(frame: Frame): void {
    if (this.#frames.length < FRAMES_MAX) this.#frames.push(frame);
    else this.#isUnsure = true;
  }
}
