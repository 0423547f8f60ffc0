// The expressions inside directives: names, texts, comparisons, and quoting functions.
//
//   pipeline   = choice { '|' filter }                filter = name [ '(' or { ',' or } ')' ]
//   choice     = or [ 'if' or 'else' choice ]
//   or         = and { 'or' and }        and = not { 'and' not }        not = [ 'not' ] compare
//   compare    = sum [ ( '==' | '!=' | 'in' | 'not in' ) sum ]          sum = postfix { '+' postfix }
//   postfix    = primary { '.' name | '.' name '(' or { ',' or } ')' | '[' or ']' }
//   primary    = text | number | True | False | None | name | name '(' or { ',' or } ')' | '(' pipeline ')' | list
//   list       = ( '[' | '{' ) [ or { ',' or } ] ( ']' | '}' )
//
// 1. An expression cannot run code: a call names a filter or one of a few methods, and the
//    evaluator refuses unknown ones.
// 2. Depth and number of tokens are bounded for any text.

import type { MistakeParams } from '../records/preseed-mistake.ts';
import { failAt, formatShownText, type TemplatePlace } from './fault.ts';

export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'part'; readonly of: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly of: Expression; readonly key: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'method'; readonly of: Expression; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'choice';
      readonly condition: Expression;
      readonly chosen: Expression;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'not'; readonly of: Expression }
  | { readonly kind: 'binary'; readonly operator: Operator; readonly left: Expression; readonly right: Expression };

type Operator = 'or' | 'and' | '==' | '!=' | 'in' | 'not in' | '+';

const EXPRESSION_TOKENS_MAX = 512;
const EXPRESSION_DEPTH_MAX = 32;

interface Token {
  readonly kind: 'name' | 'text' | 'number' | 'sign' | 'end';
  readonly text: string;
}

const END: Token = { kind: 'end', text: 'the end' };
const TOKEN = /\s*(?:([A-Za-z_]\w*)|(\d{1,15})|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(==|!=|[.+|()[\]{},]))/sy;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t' };
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ['True', true],
  ['true', true],
  ['False', false],
  ['false', false],
  ['None', null],
  ['none', null],
]);
const RESERVED: ReadonlySet<string> = new Set(['and', 'or', 'not', 'in', 'if', 'else', 'lambda']);

/** Parses an expression with its filters. @throws TemplateFault if it is malformed */
export function parseExpression(text: string, place: TemplatePlace): Expression {
  const parser = new Parser(tokenizeExpression(text, place), place);
  const expression = parser.pipeline(0);
  parser.expectEnd();
  return expression;
}

function tokenizeExpression(text: string, place: TemplatePlace): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const trimmed = text.trimEnd();
  while (TOKEN.lastIndex < trimmed.length) {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(trimmed);
    if (match === null) failAt(place, 'not-an-expression', { text: formatShownText(trimmed.slice(from)) });
    const [, name, number, double, single, sign] = match;
    const quoted = double ?? single;
    if (name !== undefined) tokens.push({ kind: 'name', text: name });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (quoted !== undefined) {
      const text = quoted.replace(/\\(.)/gs, (_, character: string) => ESCAPES[character] ?? character);
      tokens.push({ kind: 'text', text });
    } else tokens.push({ kind: 'sign', text: sign ?? '' });
    if (tokens.length > EXPRESSION_TOKENS_MAX) failAt(place, 'expression-long', { max: EXPRESSION_TOKENS_MAX });
  }
  return tokens;
}

class Parser {
  readonly #tokens: readonly Token[];
  readonly #place: TemplatePlace;
  #at = 0;

  constructor(tokens: readonly Token[], place: TemplatePlace) {
    this.#tokens = tokens;
    this.#place = place;
  }

  pipeline(depth: number): Expression {
    let expression = this.#choice(depth);
    while (this.#take('|')) {
      const name = this.#dottedName();
      const args = this.#take('(') ? this.#args(depth) : [];
      expression = { kind: 'call', name, args: [expression, ...args] };
    }
    return expression;
  }

  expectEnd(): void {
    if (this.#next() !== END) this.#fail('end');
  }

  #choice(depth: number): Expression {
    const chosen = this.#or(depth);
    if (!this.#take('if')) return chosen;
    const condition = this.#or(depth);
    if (!this.#take('else')) this.#fail('else');
    return { kind: 'choice', condition, chosen, otherwise: this.#choice(depth + 1) };
  }

  #or(depth: number): Expression {
    if (depth > EXPRESSION_DEPTH_MAX) failAt(this.#place, 'expression-deep', { max: EXPRESSION_DEPTH_MAX });
    let left = this.#and(depth);
    while (this.#take('or')) left = { kind: 'binary', operator: 'or', left, right: this.#and(depth) };
    return left;
  }

  #and(depth: number): Expression {
    let left = this.#not(depth);
    while (this.#take('and')) left = { kind: 'binary', operator: 'and', left, right: this.#not(depth) };
    return left;
  }

  #not(depth: number): Expression {
    let count = 0;
    while (this.#take('not')) count += 1;
    const expression = this.#compare(depth);
    if (count === 0) return expression;
    const once: Expression = { kind: 'not', of: expression };
    return count % 2 === 1 ? once : { kind: 'not', of: once };
  }

  #compare(depth: number): Expression {
    const left = this.#sum(depth);
    const operator = this.#comparison();
    return operator === undefined ? left : { kind: 'binary', operator, left, right: this.#sum(depth) };
  }

  #comparison(): Operator | undefined {
    if (this.#take('==')) return '==';
    if (this.#take('!=')) return '!=';
    if (this.#take('in')) return 'in';
    if (!this.#take('not')) return undefined;
    if (!this.#take('in')) this.#fail('in');
    return 'not in';
  }

  #sum(depth: number): Expression {
    let left = this.#postfix(depth);
    while (this.#take('+')) left = { kind: 'binary', operator: '+', left, right: this.#postfix(depth) };
    return left;
  }

  #postfix(depth: number): Expression {
    let expression = this.#primary(depth);
    for (;;) {
      if (this.#take('.')) {
        expression = { kind: 'part', of: expression, name: this.#name() };
      } else if (this.#take('[')) {
        expression = { kind: 'item', of: expression, key: this.#or(depth + 1) };
        if (!this.#take(']')) this.#fail(']');
      } else if (this.#take('(')) {
        expression = this.#call(expression, this.#args(depth));
      } else return expression;
    }
  }

  #call(expression: Expression, args: readonly Expression[]): Expression {
    if (expression.kind === 'name') return { kind: 'call', name: expression.name, args };
    if (expression.kind !== 'part') return failAt(this.#place, 'not-callable', {});
    const { of, name } = expression;
    // The names of two filters have a dot.
    if (of.kind === 'name' && of.name === 'escape') return { kind: 'call', name: `escape.${name}`, args };
    return { kind: 'method', of, name, args };
  }

  #args(depth: number, close: ')' | ']' | '}' = ')'): readonly Expression[] {
    const args: Expression[] = [];
    if (this.#take(close)) return args;
    do args.push(this.#or(depth + 1));
    while (this.#take(','));
    if (!this.#take(close)) this.#fail(close);
    return args;
  }

  #primary(depth: number): Expression {
    const token = this.#next();
    if (token.kind === 'text' || token.kind === 'number') {
      this.#at += 1;
      return { kind: 'literal', value: token.kind === 'text' ? token.text : Number(token.text) };
    }
    const constant = token.kind === 'name' ? CONSTANTS.get(token.text) : undefined;
    if (constant !== undefined) {
      this.#at += 1;
      return { kind: 'literal', value: constant };
    }
    if (token.kind === 'name') return { kind: 'name', name: this.#name() };
    if (this.#take('[')) return { kind: 'list', items: this.#args(depth, ']') };
    if (this.#take('{')) return { kind: 'list', items: this.#args(depth, '}') };
    if (!this.#take('(')) this.#fail('value');
    const expression = this.pipeline(depth + 1);
    if (!this.#take(')')) this.#fail(')');
    return expression;
  }

  #dottedName(): string {
    let name = this.#name();
    while (this.#take('.')) name += `.${this.#name()}`;
    return name;
  }

  #name(): string {
    const token = this.#next();
    if (token.kind !== 'name' || RESERVED.has(token.text)) this.#fail('name');
    this.#at += 1;
    return token.text;
  }

  #next(): Token {
    return this.#tokens[this.#at] ?? END;
  }

  #take(text: string): boolean {
    const token = this.#next();
    if (token.text !== text || (token.kind !== 'sign' && token.kind !== 'name')) return false;
    this.#at += 1;
    return true;
  }

  #fail(expected: MistakeParams['unexpected']['expected']): never {
    const token = this.#next();
    failAt(this.#place, 'unexpected', { expected, found: token === END ? undefined : formatShownText(token.text) });
  }
}
