// Follows a shell script as it is written, to find out whether the next character is inside quotes.
//
// Source: POSIX Shell Command Language §2.2 (quoting), §2.3 (tokens, comments), §2.6.3 (command
// substitution), §2.7.4 (here-documents).
//
// 1. It knows the plain forms: quotes, `$( )`, brackets, `${ }`, back-quotes, comments,
//    here-documents. After any form that it could misread (back-quotes inside double quotes, `case`
//    inside brackets, `$'`) it stays unsure, and reports everything as quoted.
// 2. The context decides only whether quoted text is allowed; plain words are allowed everywhere.

/** An open construct: quotes, brackets, back-quotes, `${`, and `$((`, inside which quotes have no effect. */
type Frame = '"' | '(' | '`' | '{' | '$((';

type ShellContext =
  | { readonly kind: 'shell-comment' | 'here-document' }
  /** `quote` is the open quotation mark, or empty. */
  | { readonly kind: 'shell'; readonly quote: string };

const FRAMES_MAX = 64;
const HERE_DOCUMENT = /<<(-?)[ \t]*(?:'([^'\n]+)'|"([^"\n]+)"|([A-Za-z0-9_.-]+))(?=[\s;&|<>)]|$)/;
/** The characters after which a comment can begin. */
const WORD_START = /^[\s;&|(]?$/;

export class ShellFollower {
  readonly #frames: Frame[] = [];
  #isUnsure = false;
  #isSingle = false;
  #isEscaped = false;
  #isComment = false;
  #previous = '';
  #beforeEscape = '';
  #line = '';
  /** The end marker of the open here-document; undefined: none. */
  #ending: { readonly word: string; readonly isIndented: boolean } | undefined;

  next(character: string): void {
    if (character === '\n') this.#newLine();
    else if (this.#ending !== undefined) this.#line += character;
    else if (!this.#isComment) {
      this.#line += character;
      this.#read(character);
    }
  }

  context(): ShellContext {
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
      // An escaped line break is removed: the next character follows the one before the back-slash.
      this.#previous = this.#isEscaped ? this.#beforeEscape : '\n';
      this.#openDocument(line);
    }
    this.#isEscaped = false;
  }

  #openDocument(line: string): void {
    if (!line.includes('<<')) return;
    const [match, dash, single, double, bare] = HERE_DOCUMENT.exec(line) ?? [];
    const isPlain = match !== undefined && line.split('<<').length === 2;
    // Arithmetic uses `<<` for shifts; taking that for a here-document only refuses more.
    if (!isPlain || this.#isEscaped || this.#isSingle || this.#frames.length > 0) this.#isUnsure = true;
    else this.#ending = { word: single ?? double ?? bare ?? '', isIndented: dash === '-' };
  }

  #read(character: string): void {
    const previous = this.#previous;
    this.#previous = character;
    if (this.#isEscaped) {
      this.#isEscaped = false;
      // An escaped blank does not begin a word.
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

  /** True where `#` does not begin a comment. */
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
