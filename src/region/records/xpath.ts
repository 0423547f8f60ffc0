// Evaluates the definition of a tag on the hardware of a machine.
//
// Source: W3C XPath 1.0 §2.1 (steps), §2.4 (predicates), §3.4 (comparisons), §4 (conversions).
//
// 1. Pure, and bounded: an evaluation that looks at more than VISITS_MAX elements matches nothing.

import type { HardwareElement } from './lshw.ts';
import type { Comparison, Xpath, XpathStep } from './xpath-parser.ts';

/** An element, or the text of an attribute or of an element. */
type Item = HardwareElement | string;
type Found = readonly Item[] | string | number | boolean;

const VISITS_MAX = 200_000;

class Exhausted extends Error {}

/** True if the expression is true, or finds anything, in a tree. */
export function matches(xpath: Xpath, tree: HardwareElement): boolean {
  const root: HardwareElement = { name: '', attributes: {}, text: '', children: [tree] };
  try {
    return truth(new Evaluation(root).of(xpath, root, 1));
  } catch (error) {
    if (error instanceof Exhausted) return false;
    throw error;
  }
}

class Evaluation {
  readonly #root: HardwareElement;
  #visits = 0;

  constructor(root: HardwareElement) {
    this.#root = root;
  }

  of(xpath: Xpath, item: Item, place: number): Found {
    switch (xpath.kind) {
      case 'or':
        return truth(this.of(xpath.left, item, place)) || truth(this.of(xpath.right, item, place));
      case 'and':
        return truth(this.of(xpath.left, item, place)) && truth(this.of(xpath.right, item, place));
      case 'compare':
        return isTrue(xpath.operator, this.of(xpath.left, item, place), this.of(xpath.right, item, place));
      case 'number':
      case 'text':
        return xpath.value;
      case 'call': {
        const [first = '', second = ''] = xpath.arguments.map((one) => this.of(one, item, place));
        return called(xpath.name, first, second);
      }
      case 'path': {
        let found: readonly Item[] = [xpath.isAbsolute ? this.#root : item];
        for (const step of xpath.steps) found = this.#step(step, found);
        return found;
      }
    }
  }

  #step(step: XpathStep, from: readonly Item[]): readonly Item[] {
    const elements = from.filter((item) => typeof item !== 'string');
    const starts = step.isDeep ? this.#below(elements) : elements;
    if (step.axis === 'self') return this.#kept(step, from);
    const found = starts.flatMap((element) => {
      this.#visit();
      // Positions count among the children of one element.
      return this.#kept(step, reached(step, element));
    });
    return [...new Set(found)];
  }

  /** These elements, and all below them. */
  #below(elements: readonly HardwareElement[]): readonly HardwareElement[] {
    const all = new Set<HardwareElement>();
    const add = (element: HardwareElement): void => {
      this.#visit();
      if (all.has(element)) return;
      all.add(element);
      for (const child of element.children) add(child);
    };
    for (const element of elements) add(element);
    return [...all];
  }

  #kept({ predicates }: XpathStep, items: readonly Item[]): readonly Item[] {
    return predicates.reduce<readonly Item[]>(
      (left, predicate) =>
        left.filter((item, index) => {
          this.#visit();
          const found = this.of(predicate, item, index + 1);
          return typeof found === 'number' ? found === index + 1 : truth(found);
        }),
      items,
    );
  }

  #visit(): void {
    this.#visits += 1;
    if (this.#visits > VISITS_MAX) throw new Exhausted('the evaluation looks at too many elements');
  }
}

/** The items that a step reaches from one element. */
function reached({ axis, name }: XpathStep, element: HardwareElement): readonly Item[] {
  if (axis === 'text') return element.text === '' ? [] : [element.text];
  if (axis === 'child') return element.children.filter((child) => name === '*' || child.name === name);
  if (name === '*') return Object.values(element.attributes);
  const value = Object.hasOwn(element.attributes, name) ? element.attributes[name] : undefined;
  return value === undefined ? [] : [value];
}

const textOf = (item: Item): string =>
  typeof item === 'string' ? item : item.text + item.children.map(textOf).join('');

/** XPath 1.0 §4.2. */
function text(found: Found): string {
  if (typeof found === 'string') return found;
  if (typeof found !== 'object') return String(found);
  const [first] = found;
  return first === undefined ? '' : textOf(first);
}

/** XPath 1.0 §4.4. */
function numeric(found: Found): number {
  if (typeof found === 'number') return found;
  if (typeof found === 'boolean') return found ? 1 : 0;
  const written = text(found).trim();
  return /^-?(?:\d+(?:\.\d*)?|\.\d+)$/.test(written) ? Number(written) : Number.NaN;
}

/** XPath 1.0 §4.3. */
function truth(found: Found): boolean {
  if (typeof found === 'number') return found !== 0 && !Number.isNaN(found);
  return typeof found === 'boolean' ? found : found.length > 0;
}

/** XPath 1.0 §3.4: among several items, one that satisfies the comparison is enough. */
function isTrue(operator: Comparison, left: Found, right: Found): boolean {
  if (typeof left === 'boolean' || typeof right === 'boolean')
    return holds(operator, Number(truth(left)), Number(truth(right)));
  const [lefts, rights] = [left, right].map((one) => (typeof one === 'object' ? one.map(textOf) : [one]));
  return (lefts ?? []).some((one) =>
    (rights ?? []).some((other) => {
      const isOfNumbers = typeof one === 'number' || typeof other === 'number' || /[<>]/.test(operator);
      return isOfNumbers ? holds(operator, numeric(one), numeric(other)) : holds(operator, one, other);
    }),
  );
}

function holds<T extends string | number>(operator: Comparison, one: T, other: T): boolean {
  switch (operator) {
    case '=':
      return one === other;
    case '!=':
      return one !== other;
    case '<':
      return one < other;
    case '<=':
      return one <= other;
    case '>':
      return one > other;
    case '>=':
      return one >= other;
  }
}

function called(name: Extract<Xpath, { kind: 'call' }>['name'], first: Found, second: Found): Found {
  switch (name) {
    case 'contains':
      return text(first).includes(text(second));
    case 'starts-with':
      return text(first).startsWith(text(second));
    case 'not':
      return !truth(first);
    case 'count':
      return typeof first === 'object' ? first.length : Number.NaN;
    case 'sum':
      return typeof first === 'object' ? first.reduce<number>((sum, item) => sum + numeric([item]), 0) : Number.NaN;
    case 'number':
      return numeric(first);
    case 'string':
      return text(first);
    case 'true':
      return true;
    case 'false':
      return false;
  }
}
