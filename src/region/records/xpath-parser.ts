// Parses the definitions of tags, which are written in a part of XPath 1.0.
//
//   or ─▶ and ─▶ comparison ─▶ number, 'text', function(…), ( or ), path
//   path ─▶ [/ | //] step ( (/ | //) step )*      step ─▶ name | * | @name | . | text()   then  [ or ]*
//
// Source: W3C XPath 1.0 §2 (location paths), §3 (expressions), §4 (functions).
//
// 1. Everything else (other axes, variables, arithmetic, unions) is a fault with its position, so a definition never means something other
//    than its author intended.
// 2. Texts are bounded in length, and expressions in depth.

/** The functions that may be called, with the number of their arguments. */
const XPATH_FUNCTIONS = {
  contains: 2,
  'starts-with': 2,
  not: 1,
  count: 1,
  sum: 1,
  number: 1,
  string: 1,
  true: 0,
  false: 0,
} as const;
type XpathFunction = keyof typeof XPATH_FUNCTIONS;

const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface XpathStep {
  readonly axis: 'child' | 'attribute' | 'self' | 'text';
  /** `*`: any. */
  readonly name: string;
  /** True after `//`: the step starts from every element below as well. */
  readonly isDeep: boolean;
  readonly predicates: readonly Xpath[];
}

/** An expression. */
export type Xpath =
  | { readonly kind: 'or' | 'and'; readonly left: Xpath; readonly right: Xpath }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Xpath; readonly right: Xpath }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'call'; readonly name: XpathFunction; readonly arguments: readonly Xpath[] }
  | { readonly kind: 'path'; readonly isAbsolute: boolean; readonly steps: readonly XpathStep[] };

type ParsedXpath =
  | { readonly kind: 'xpath'; readonly xpath: Xpath }
  /** @param at the position of the fault in characters, from 1 @param found the text there; empty: the end */
  | { readonly kind: 'fault'; readonly at: number; readonly found: string };

/** Length of a definition, in characters. */
export const XPATH_LENGTH_MAX = 2000;
const DEPTH_MAX = 24;
const FOUND_MAX = 20;
const TOKEN = /\s*(?:(\/\/|!=|<=|>=|[/@[\]().,*=<>])|([A-Za-z_][\w.-]*)|(\d+(?:\.\d+)?)|"([^"]*)"|'([^']*)')/y;

const isFunction = (name: string): name is XpathFunction => Object.hasOwn(XPATH_FUNCTIONS, name);

interface Token {
  readonly kind: 'sign' | 'name' | 'number' | 'text';
  readonly text: string;
  readonly at: number;
}

class Fault extends Error {
  readonly at: number;

  constructor(at: number) {
    super('not in the supported part of XPath');
    this.at = at;
  }
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  const matcher = new RegExp(TOKEN);
  while (matcher.lastIndex < end) {
    const start = matcher.lastIndex;
    const found = matcher.exec(text);
    if (found === null) throw new Fault(end - text.slice(start, end).trimStart().length);
    const [whole, sign, name, number, double, single] = found;
    const at = start + whole.length - whole.trimStart().length;
    if (sign !== undefined) tokens.push({ kind: 'sign', text: sign, at });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else tokens.push({ kind: 'text', text: double ?? single ?? '', at });
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #end: number;
  #place = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
    this.#end = text.length;
  }

  whole(): Xpath {
    const xpath = this.#or();
    if (this.#tokens[this.#place] !== undefined) throw this.#fault();
    return xpath;
  }

  #fault(): Fault {
    return new Fault(this.#tokens[this.#place]?.at ?? this.#end);
  }

  #is(kind: Token['kind'], text: string, ahead = 0): boolean {
    const token = this.#tokens[this.#place + ahead];
    return token?.kind === kind && token.text === text;
  }

  #takes(kind: Token['kind'], text: string): boolean {
    const isNext = this.#is(kind, text);
    if (isNext) this.#place += 1;
    return isNext;
  }

  #want(text: string): void {
    if (!this.#takes('sign', text)) throw this.#fault();
  }

  #or(): Xpath {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw this.#fault();
    let left = this.#and();
    while (this.#takes('name', 'or')) left = { kind: 'or', left, right: this.#and() };
    this.#depth -= 1;
    return left;
  }

  #and(): Xpath {
    let left = this.#comparison();
    while (this.#takes('name', 'and')) left = { kind: 'and', left, right: this.#comparison() };
    return left;
  }

  #comparison(): Xpath {
    const left = this.#value();
    const operator = COMPARISONS.find((sign) => this.#is('sign', sign));
    if (operator === undefined) return left;
    this.#place += 1;
    return { kind: 'compare', operator, left, right: this.#value() };
  }

  #value(): Xpath {
    const token = this.#tokens[this.#place];
    if (token === undefined) throw this.#fault();
    if (token.kind === 'number' || token.kind === 'text') {
      this.#place += 1;
      return token.kind === 'number'
        ? { kind: 'number', value: Number(token.text) }
        : { kind: 'text', value: token.text };
    }
    if (this.#takes('sign', '(')) {
      const inner = this.#or();
      this.#want(')');
      return inner;
    }
    return token.kind === 'name' && this.#is('sign', '(', 1) && token.text !== 'text'
      ? this.#call(token)
      : this.#path();
  }

  #call({ text }: Token): Xpath {
    const name = text;
    if (!isFunction(name)) throw this.#fault();
    this.#place += 2;
    const given: Xpath[] = [];
    for (let count = 0; count < XPATH_FUNCTIONS[name]; count += 1) {
      if (count > 0) this.#want(',');
      given.push(this.#or());
    }
    this.#want(')');
    return { kind: 'call', name, arguments: given };
  }

  #path(): Xpath {
    const isAbsolute = this.#is('sign', '/') || this.#is('sign', '//');
    const steps: XpathStep[] = [];
    let isDeep = this.#takes('sign', '//');
    if (!isDeep) this.#takes('sign', '/');
    for (;;) {
      steps.push(this.#step(isDeep));
      if (this.#takes('sign', '/')) isDeep = false;
      else if (this.#takes('sign', '//')) isDeep = true;
      else return { kind: 'path', isAbsolute, steps };
    }
  }

  #step(isDeep: boolean): XpathStep {
    const isAttribute = this.#takes('sign', '@');
    const token = this.#tokens[this.#place];
    if (token === undefined || token.kind === 'number' || token.kind === 'text') throw this.#fault();
    const isAny = token.kind === 'sign' && token.text === '*';
    const isSelf = token.kind === 'sign' && token.text === '.' && !isAttribute && !isDeep;
    if (token.kind === 'sign' && !isAny && !isSelf) throw this.#fault();
    this.#place += 1;
    const isText = token.kind === 'name' && token.text === 'text' && !isAttribute && this.#takes('sign', '(');
    if (isText) this.#want(')');
    const axis = isAttribute ? 'attribute' : isSelf ? 'self' : isText ? 'text' : 'child';
    const predicates: Xpath[] = [];
    while (this.#takes('sign', '[')) {
      predicates.push(this.#or());
      this.#want(']');
    }
    return { axis, name: token.text, isDeep, predicates };
  }
}

/** Parses a definition. */
export function parseXpath(text: string): ParsedXpath {
  if (text.length > XPATH_LENGTH_MAX)
    return {
      kind: 'fault',
      at: XPATH_LENGTH_MAX + 1,
      found: text.slice(XPATH_LENGTH_MAX, XPATH_LENGTH_MAX + FOUND_MAX),
    };
  try {
    return { kind: 'xpath', xpath: new Parser(text).whole() };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { kind: 'fault', at: error.at + 1, found: text.slice(error.at, error.at + FOUND_MAX) };
  }
}
