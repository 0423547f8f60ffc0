// Evaluates expressions, and provides the functions that a template may call.
//
// 1. An undefined name is an error everywhere, including `if`, so that a misspelt one is not silently false.
// 2. Only own properties are visible: `constructor` is not a part of anything.

import type { Language } from './context.ts';
import type { Expression } from './expression.ts';
import { failAt, getValueKind, sortedNames, type TemplatePlace } from './fault.ts';
import {
  QUOTED_CHARACTERS_MAX,
  type Quoted,
  quoteBase64,
  quoteDebconf,
  quoteKernel,
  quoteShell,
  quoteUrl,
  quoteYaml,
} from './quoting.ts';
import { formatScalar, isList, isMapping, isTruthy, Markup, type MarkupLanguage, type Value } from './value.ts';

export interface Scope {
  find(name: string): Value | undefined;
  names(): Iterable<string>;
  /** Counts the characters of a produced text. @throws TemplateFault beyond the bound */
  spend(characters: number): void;
  readonly language: Language;
  readonly place: TemplatePlace;
}

/** The filters, with their effects and limits; the documents use them too. */
export const FILTERS: Readonly<Record<string, string>> = {
  shell: 'One shell word, in single quotes unless it is plain. Not inside other quotes.',
  yaml: 'A YAML value in one line: a text in double quotes, a list or a map. It must be the whole value.',
  json: 'The same as `yaml`; the output is also valid JSON.',
  debconf: 'A debconf value: one line, no back-slash, no blank at its ends.',
  kernel: "Kernel arguments that an installer can pass to the installed system's boot loader.",
  url: 'A part of a URL, percent-encoded.',
  base64: 'Base64 of the text in UTF-8.',
  lower: 'In lower case.',
  join: 'The texts of a list with another text between them: `{{ntp_servers|join(" ")}}`.',
  str: 'The text of a value.',
  'escape.shell': 'The same as `shell`.',
  'escape.json': 'The same as `json`.',
};

/** The methods of texts, as in Python, and of the machine; the documents use them too. */
export const METHODS: Readonly<Record<string, string>> = {
  splitlines: 'The lines of a text.',
  split: 'The parts of a text between another text; without one, between blanks.',
  strip: 'The text without blanks at its ends.',
  lower: 'The text in lower case.',
  upper: 'The text in upper case.',
  replace: 'The text with one text in place of another: `x.replace("a", "b")`.',
  startswith: 'Whether the text begins with another.',
  endswith: 'Whether the text ends with another.',
  join: 'The texts of a list with this text between them: `" ".join(ntp_servers)`.',
  get_distro_series: 'Of `node`: its `distro_series`.',
  get_osystem: 'Of `node`: its `osystem`.',
  tag_names: 'Of `node`: the names of its tags, a list.',
  split_arch: 'Of `node`: architecture and sub-architecture, a list.',
};

export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'string' ? new Markup(expression.value, 'any') : expression.value;
    case 'name':
      return nameValue(expression.name, scope);
    case 'part':
      return partValue(evaluate(expression.of, scope), expression.name, scope.place);
    case 'item':
      return itemValue(evaluate(expression.of, scope), evaluate(expression.key, scope), scope.place);
    case 'call':
      return callValue(expression.name, expression.args, scope);
    case 'method':
      return methodValue(expression, scope);
    case 'list':
      return expression.items.map((item) => evaluate(item, scope));
    case 'choice':
      return evaluate(
        isTruthy(evaluate(expression.condition, scope)) ? expression.chosen : expression.otherwise,
        scope,
      );
    case 'not':
      return !isTruthy(evaluate(expression.of, scope));
    case 'binary':
      return binaryValue(expression, scope);
  }
}

function nameValue(name: string, scope: Scope): Value {
  const result = scope.find(name);
  if (result !== undefined) return result;
  if (name === 'self') return failAt(scope.place, 'self-alone', {});
  return failAt(scope.place, 'not-defined', { name, known: sortedNames(scope.names()) });
}

function partValue(value: Value, name: string, place: TemplatePlace): Value {
  if (!isMapping(value)) return failAt(place, 'no-parts', { name, value: getValueKind(value) });
  const result = Object.hasOwn(value, name) ? value[name] : undefined;
  if (result !== undefined) return result;
  return failAt(place, 'no-part', { name, known: sortedNames(Object.keys(value)) });
}

function itemValue(value: Value, key: Value, place: TemplatePlace): Value {
  if (!isList(value)) return partValue(value, formatScalar(key) ?? '', place);
  const result = typeof key === 'number' ? value[key] : undefined;
  return result ?? failAt(place, 'no-item', { key: formatScalar(key), value: getValueKind(key), items: value.length });
}

function binaryValue({ operator, left, right }: Expression & { kind: 'binary' }, scope: Scope): Value {
  const first = evaluate(left, scope);
  switch (operator) {
    case 'or':
      return isTruthy(first) ? first : evaluate(right, scope);
    case 'and':
      return isTruthy(first) ? evaluate(right, scope) : first;
    case '==':
      return isEqual(first, evaluate(right, scope));
    case '!=':
      return !isEqual(first, evaluate(right, scope));
    case 'in':
      return isContained(first, evaluate(right, scope), scope.place);
    case 'not in':
      return !isContained(first, evaluate(right, scope), scope.place);
    case '+':
      return concatenate(first, evaluate(right, scope), scope);
  }
}

function isEqual(left: Value, right: Value): boolean {
  const [first, second] = [left, right].map(unwrapPlain);
  return first === second;
}

const unwrapPlain = (value: Value | undefined): Value | undefined => (value instanceof Markup ? value.text : value);

function isContained(value: Value, where: Value, place: TemplatePlace): boolean {
  if (isList(where)) return where.some((item) => isEqual(item, value));
  const name = formatScalar(value);
  if (isMapping(where)) return name !== undefined && Object.hasOwn(where, name);
  const text = unwrapPlain(where);
  if (typeof text === 'string' && name !== undefined) return text.includes(name);
  return failAt(place, 'nothing-in', { value: getValueKind(where) });
}

/** Concatenates two texts. The result is trusted only if both are, for the same language. */
function concatenate(left: Value, right: Value, { place, spend }: Scope): Value {
  const [first, second] = [formatScalar(left), formatScalar(right)];
  if (first === undefined || second === undefined)
    return failAt(place, 'not-joinable', { left: getValueKind(left), right: getValueKind(right) });
  if (first.length + second.length > QUOTED_CHARACTERS_MAX)
    return failAt(place, 'text-long', { max: QUOTED_CHARACTERS_MAX });
  spend(first.length + second.length);
  const language = sharedLanguage(left, right);
  return language === undefined ? first + second : new Markup(first + second, language);
}

function sharedLanguage(left: Value, right: Value): MarkupLanguage | undefined {
  if (!(left instanceof Markup) || !(right instanceof Markup)) return undefined;
  if (left.language === 'any') return right.language;
  return right.language === 'any' || right.language === left.language ? left.language : undefined;
}

function callValue(name: string, args: readonly Expression[], scope: Scope): Value {
  const { place } = scope;
  if (!Object.hasOwn(FILTERS, name))
    return failAt(place, 'filter-unknown', { name, known: sortedNames(Object.keys(FILTERS)) });
  const [value = null, separator] = args.map((arg) => evaluate(arg, scope));
  if (args.length === 0 || args.length > (name === 'join' ? 2 : 1)) return failAt(place, 'filter-arguments', { name });
  if (name === 'join') return joinList(value, separator ?? new Markup(' ', 'any'), scope);
  const take = (quoted: Quoted, language: MarkupLanguage): Value => {
    if (!quoted.ok) return failAt(place, 'filter-refuses', { name, why: quoted.why });
    scope.spend(quoted.text.length);
    return new Markup(quoted.text, language);
  };
  if (name === 'yaml' || name === 'json' || name === 'escape.json') return take(quoteYaml(value), 'yaml');
  const text = formatScalar(value);
  if (name === 'str' && text !== undefined) return value instanceof Markup ? value : text;
  if (text === undefined) return failAt(place, 'filter-text', { name, value: getValueKind(value) });
  switch (name) {
    case 'shell':
    case 'escape.shell':
      return take(quoteShell(text, scope.language), 'shell');
    case 'debconf':
      return take(quoteDebconf(text), 'debconf');
    case 'kernel':
      return take(quoteKernel(text), 'kernel');
    case 'url':
      return take(quoteUrl(text), 'word');
    case 'base64':
      return take(quoteBase64(text), 'word');
    default:
      return text.toLowerCase();
  }
}

function methodValue({ of, name, args: expressions }: Expression & { kind: 'method' }, scope: Scope): Value {
  const { place } = scope;
  if (!Object.hasOwn(METHODS, name))
    return failAt(place, 'method-unknown', { name, known: sortedNames(Object.keys(METHODS)) });
  const value = evaluate(of, scope);
  if (name === 'get_distro_series' || name === 'get_osystem') return partValue(value, name.slice('get_'.length), place);
  if (name === 'tag_names') return partValue(value, name, place);
  if (name === 'split_arch') return (formatScalar(partValue(value, 'architecture', place)) ?? '').split('/');
  const args = expressions.map((arg) => evaluate(arg, scope));
  if (name === 'join') return joinList(args[0] ?? null, value, scope);
  const text = formatScalar(value);
  const [first, second] = args.map(formatScalar);
  const wrong = (): never => failAt(place, 'method-value', { name, value: getValueKind(value) });
  if (text === undefined) return wrong();
  scope.spend(text.length);
  // A line of debconf is as safe as the whole; of another language, a part may mean something else.
  const part = (line: string): Value =>
    value instanceof Markup && ['any', 'debconf'].includes(value.language) ? new Markup(line, value.language) : line;
  switch (name) {
    case 'splitlines':
      return text === ''
        ? []
        : text
            .replace(/\r?\n$/, '')
            .split(/\r?\n/)
            .map(part);
    case 'split':
      return first === undefined ? text.split(/\s+/).filter((word) => word !== '') : text.split(first || wrong());
    case 'strip':
      return text.trim();
    case 'lower':
      return text.toLowerCase();
    case 'upper':
      return text.toUpperCase();
    case 'startswith':
      return text.startsWith(first ?? wrong());
    case 'endswith':
      return text.endsWith(first ?? wrong());
    default: {
      if (!first || second === undefined) return wrong();
      const parts = text.split(first);
      const length = text.length + (parts.length - 1) * (second.length - first.length);
      if (length > QUOTED_CHARACTERS_MAX) return failAt(place, 'text-long', { max: QUOTED_CHARACTERS_MAX });
      scope.spend(length);
      return parts.join(second);
    }
  }
}

function joinList(list: Value, separator: Value, { place, spend }: Scope): Value {
  const between = formatScalar(separator);
  if (!isList(list) || between === undefined) return failAt(place, 'join-list', { value: getValueKind(list) });
  const texts = list.map((item) => formatScalar(item) ?? failAt(place, 'join-item', { value: getValueKind(item) }));
  const length = texts.reduce((sum, text) => sum + text.length + between.length, 0);
  if (length > QUOTED_CHARACTERS_MAX) return failAt(place, 'text-long', { max: QUOTED_CHARACTERS_MAX });
  spend(length);
  return texts.join(between);
}
