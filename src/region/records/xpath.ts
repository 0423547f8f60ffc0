// The definitions of tags: a part of XPath 1.0, parsed into a test of the hardware of a machine.
//
//   or ─▶ and ─▶ comparison ─▶ number, 'text', function(…), ( or ), path
//   path ─▶ [/ | //] step ( (/ | //) step )*      step ─▶ name | * | @name | . | text()   then  [ or ]*
//
// Source: W3C XPath 1.0 §2 (location paths), §3 (expressions), §4 (functions and conversions).
//
// 1. Everything else (other axes, variables, arithmetic, unions) is a fault with its position, so a
//    definition never means something other than its author intended.
// 2. Hostile definitions are bounded: in length, in depth, and in the elements that they look at.
//    One that looks at more matches nothing.

import type { HardwareElement } from './lshw.ts';

/** An element, or the text of an attribute or of an element. */
type Item = HardwareElement | string;
type XpathValue = readonly Item[] | string | number | boolean;

/** The context in which an expression is evaluated. */
interface Context {
  readonly item: Item;
  readonly root: HardwareElement;
  /** @throws Exhausted at VISITS_MAX */
  readonly visit: () => void;
}
type Expression = (at: Context) => XpathValue;
type Step = (from: readonly Item[], at: Context) => readonly Item[];

/** True if the definition is true, or finds anything. */
export type HardwareTest = (tree: HardwareElement) => boolean;

type ParsedXpath =
  | { readonly kind: 'xpath'; readonly matches: HardwareTest }
  /** @param at the position of the fault in characters, from 1 @param found the text there; empty: the end */
  | { readonly kind: 'fault'; readonly at: number; readonly found: string };

/** Length of a definition, in characters. */
export const XPATH_LENGTH_MAX = 2000;
const DEPTH_MAX = 24;
const VISITS_MAX = 200_000;
const FOUND_MAX = 20;
const TOKEN = /\s*(?:(\/\/|!=|<=|>=|[/@[\]().,*=<>])|([A-Za-z_][\w.-]*)|(\d+(?:\.\d+)?)|"([^"]*)"|'([^']*)')/y;

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

class Exhausted extends Error {}

export function parseXpath(text: string): ParsedXpath {
  const faultAt = (at: number): ParsedXpath => ({ kind: 'fault', at: at + 1, found: text.slice(at, at + FOUND_MAX) });
  if (text.length > XPATH_LENGTH_MAX) return faultAt(XPATH_LENGTH_MAX);
  try {
    const expression = new Parser(text).whole();
    return { kind: 'xpath', matches: (tree) => isFound(expression, tree) };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return faultAt(error.at);
  }
}

function isFound(expression: Expression, tree: HardwareElement): boolean {
  const root: HardwareElement = { name: '', attributes: {}, text: '', children: [tree] };
  let visits = 0;
  const visit = (): void => {
    visits += 1;
    if (visits > VISITS_MAX) throw new Exhausted('the evaluation looks at too many elements');
  };
  try {
    return truth(expression({ item: root, root, visit }));
  } catch (error) {
    if (error instanceof Exhausted) return false;
    throw error;
  }
}

function tokenizeXpath(text: string): readonly Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  const matcher = new RegExp(TOKEN);
  while (matcher.lastIndex < end) {
    const start = matcher.lastIndex;
    const match = matcher.exec(text);
    if (match === null) throw new Fault(end - text.slice(start, end).trimStart().length);
    const [whole, sign, name, number, double, single] = match;
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

  constructor(stringValue: string) {
    this.#tokens = tokenizeXpath(stringValue);
    this.#end = stringValue.length;
  }

  whole(): Expression {
    const expression = this.#or();
    if (this.#tokens[this.#place] !== undefined) throw this.#fault();
    return expression;
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

  #or(): Expression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw this.#fault();
    let left = this.#and();
    while (this.#takes('name', 'or')) {
      const [first, other] = [left, this.#and()];
      left = (at) => truth(first(at)) || truth(other(at));
    }
    this.#depth -= 1;
    return left;
  }

  #and(): Expression {
    let left = this.#comparison();
    while (this.#takes('name', 'and')) {
      const [first, other] = [left, this.#comparison()];
      left = (at) => truth(first(at)) && truth(other(at));
    }
    return left;
  }

  #comparison(): Expression {
    const left = this.#value();
    const operator = COMPARISONS.find(([sign]) => this.#is('sign', sign));
    if (operator === undefined) return left;
    this.#place += 1;
    const right = this.#value();
    return (at) => compareValues(operator, left(at), right(at));
  }

  #value(): Expression {
    const token = this.#tokens[this.#place];
    if (token === undefined) throw this.#fault();
    if (token.kind === 'number' || token.kind === 'text') {
      this.#place += 1;
      const value = token.kind === 'number' ? Number(token.text) : token.text;
      return () => value;
    }
    if (this.#takes('sign', '(')) {
      const inner = this.#or();
      this.#want(')');
      return inner;
    }
    return token.kind === 'name' && this.#is('sign', '(', 1) && token.text !== 'text'
      ? this.#call(token.text)
      : this.#path();
  }

  #call(name: string): Expression {
    const called = FUNCTIONS.get(name);
    if (called === undefined) throw this.#fault();
    this.#place += 2;
    const args: Expression[] = [];
    for (let count = 0; count < called.length; count += 1) {
      if (count > 0) this.#want(',');
      args.push(this.#or());
    }
    this.#want(')');
    const [first = NOTHING, second = NOTHING] = args;
    return (at) => called(first(at), second(at));
  }

  #path(): Expression {
    const isAbsolute = this.#is('sign', '/') || this.#is('sign', '//');
    const steps: Step[] = [];
    let isDeep = this.#takes('sign', '//');
    if (!isDeep) this.#takes('sign', '/');
    for (;;) {
      steps.push(this.#step(isDeep));
      if (this.#takes('sign', '/')) isDeep = false;
      else if (this.#takes('sign', '//')) isDeep = true;
      else break;
    }
    return (at) => {
      let items: readonly Item[] = [isAbsolute ? at.root : at.item];
      for (const step of steps) items = step(items, at);
      return items;
    };
  }

  /** @param isDeep true after `//`: the step starts from every element below as well */
  #step(isDeep: boolean): Step {
    const isAttribute = this.#takes('sign', '@');
    const token = this.#tokens[this.#place];
    if (token === undefined || token.kind === 'number' || token.kind === 'text') throw this.#fault();
    const isAny = token.kind === 'sign' && token.text === '*';
    const isSelf = token.kind === 'sign' && token.text === '.' && !isAttribute && !isDeep;
    if (token.kind === 'sign' && !isAny && !isSelf) throw this.#fault();
    this.#place += 1;
    const isText = token.kind === 'name' && token.text === 'text' && !isAttribute && this.#takes('sign', '(');
    if (isText) this.#want(')');
    const predicates: Expression[] = [];
    while (this.#takes('sign', '[')) {
      predicates.push(this.#or());
      this.#want(']');
    }
    const reached = isAttribute ? listAttributes : isText ? ownText : listChildren;
    return (from, at) => {
      const elements = from.filter((item) => typeof item !== 'string');
      const starts = isDeep ? below(elements, at) : elements;
      if (isSelf) return filterItems(from, predicates, at);
      const items = starts.flatMap((element) => {
        at.visit();
        // Positions count among the children of one element.
        return filterItems(reached(element, token.text), predicates, at);
      });
      return [...new Set(items)];
    };
  }
}

/** These elements, and all below them. */
function below(elements: readonly HardwareElement[], { visit }: Context): readonly HardwareElement[] {
  const all = new Set<HardwareElement>();
  const add = (element: HardwareElement): void => {
    visit();
    if (all.has(element)) return;
    all.add(element);
    for (const child of element.children) add(child);
  };
  for (const element of elements) add(element);
  return [...all];
}

const filterItems = (items: readonly Item[], predicates: readonly Expression[], at: Context): readonly Item[] =>
  predicates.reduce(
    (left, predicate) =>
      left.filter((item, index) => {
        at.visit();
        const result = predicate({ ...at, item });
        return typeof result === 'number' ? result === index + 1 : truth(result);
      }),
    items,
  );

const ownText = ({ text }: HardwareElement): readonly Item[] => (text === '' ? [] : [text]);

const listChildren = ({ children }: HardwareElement, name: string): readonly Item[] =>
  children.filter((child) => name === '*' || child.name === name);

function listAttributes({ attributes }: HardwareElement, name: string): readonly Item[] {
  if (name === '*') return Object.values(attributes);
  const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return value === undefined ? [] : [value];
}

const getItemText = (item: Item): string =>
  typeof item === 'string' ? item : item.text + item.children.map(getItemText).join('');

/** XPath 1.0 §4.2. */
function text(value: XpathValue): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object') return String(value);
  const [first] = value;
  return first === undefined ? '' : getItemText(first);
}

/** XPath 1.0 §4.4. */
function numeric(value: XpathValue): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  const written = text(value).trim();
  return /^-?(?:\d+(?:\.\d*)?|\.\d+)$/.test(written) ? Number(written) : Number.NaN;
}

/** XPath 1.0 §4.3. */
function truth(value: XpathValue): boolean {
  if (typeof value === 'number') return value !== 0 && !Number.isNaN(value);
  return typeof value === 'boolean' ? value : value.length > 0;
}

type Comparison = readonly [sign: string, holds: (left: string | number, other: string | number) => boolean];
const COMPARISONS: readonly Comparison[] = [
  ['=', (left, other) => left === other],
  ['!=', (left, other) => left !== other],
  ['<', (left, other) => left < other],
  ['<=', (left, other) => left <= other],
  ['>', (left, other) => left > other],
  ['>=', (left, other) => left >= other],
];

/** XPath 1.0 §3.4: among several items, one that satisfies the comparison is enough. */
function compareValues([sign, holds]: Comparison, left: XpathValue, right: XpathValue): boolean {
  if (typeof left === 'boolean' || typeof right === 'boolean') return holds(Number(truth(left)), Number(truth(right)));
  const valuesOf = (value: XpathValue) => (typeof value === 'object' ? value.map(getItemText) : [value]);
  const others = valuesOf(right);
  return valuesOf(left).some((own) =>
    others.some((other) => {
      const isOfNumbers = typeof own === 'number' || typeof other === 'number' || /[<>]/.test(sign);
      return isOfNumbers ? holds(numeric(own), numeric(other)) : holds(String(own), String(other));
    }),
  );
}

const NOTHING: Expression = () => '';

/** The functions that may be called; each takes as many arguments as it has parameters. */
const FUNCTIONS = new Map<string, (first: XpathValue, second: XpathValue) => XpathValue>([
  ['contains', (whole, part) => text(whole).includes(text(part))],
  ['starts-with', (whole, part) => text(whole).startsWith(text(part))],
  ['not', (value) => !truth(value)],
  ['count', (value) => (typeof value === 'object' ? value.length : Number.NaN)],
  [
    'sum',
    (value) => (typeof value === 'object' ? value.reduce<number>((sum, item) => sum + numeric([item]), 0) : Number.NaN),
  ],
  ['number', numeric],
  ['string', text],
  ['true', () => true],
  ['false', () => false],
]);
