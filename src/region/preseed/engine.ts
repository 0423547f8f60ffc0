// Renders a template: walks its tree and quotes each value as its context requires.
//
//   template ─ inherits? ─▶ the ancestor's text, with the blocks of all templates in the chain, the nearest first
//
// 1. Rendering ends: steps, output, inclusions and generations are bounded.
// 2. Rendering never throws: a mistake is a value with file and line. The same request gives the same text.

import type { MistakeAt } from '../records/preseed-mistake.ts';
import { ContextFollower, type Language } from './context.ts';
import { evaluate, type Scope } from './evaluation.ts';
import { failAt, getValueKind, sortedNames, TemplateFault, type TemplatePlace } from './fault.ts';
import { writeValue } from './quoting.ts';
import {
  type Body,
  type ForNode,
  type IfNode,
  type IncludeNode,
  type OutputNode,
  parseTemplate,
  type Template,
  type TemplateNode,
} from './template.ts';
import { isList, isMapping, isTruthy, type Value, type Variables } from './value.ts';

/** Directives and pieces of text processed in one rendering. */
const STEPS_MAX = 100_000;
/** Characters of the result. */
export const OUTPUT_CHARACTERS_MAX = 1024 * 1024;
/** Characters that filters and concatenations produce, written or not. */
const WORK_CHARACTERS_MAX = 16 * 1024 * 1024;
const INCLUSION_DEPTH_MAX = 16;
const GENERATIONS_MAX = 8;

interface RenderRequest {
  readonly file: string;
  readonly source: string;
  readonly variables: Variables;
  /** The template's language, unless the template names it itself. */
  readonly language: Language;
  readonly load: (name: string) => { readonly file: string; readonly text: string } | undefined;
}

export type Rendered =
  | {
      readonly ok: true;
      readonly text: string;
      readonly language: Language;
      /** The files read, in that order. */
      readonly chain: readonly string[];
    }
  | ({ readonly ok: false } & MistakeAt);

export function renderTemplate(request: RenderRequest): Rendered {
  try {
    const lineage = readLineage(request);
    const rendering = new Rendering(request, lineage);
    const text = rendering.run();
    const chain = [...new Set([...lineage.map(({ file }) => file), ...rendering.included])];
    return { ok: true, text, language: rendering.language, chain };
  } catch (error) {
    if (!(error instanceof TemplateFault)) throw error;
    return { ok: false, ...error.at };
  }
}

function readLineage({ file, source, load }: RenderRequest): readonly [Template, ...Template[]] {
  let last = parseTemplate(file, source);
  const lineage: [Template, ...Template[]] = [last];
  while (last.parent !== undefined) {
    const { name, place } = last.parent;
    if (lineage.length >= GENERATIONS_MAX) failAt(place, 'lineage-long', { max: GENERATIONS_MAX });
    const loaded = load(name) ?? failAt(place, 'parent-missing', { name });
    last = parseTemplate(loaded.file, loaded.text);
    lineage.push(last);
  }
  return lineage;
}

/** The language that the first line shows; undefined: none. */
function detectLanguage(body: Body): Language | undefined {
  const first = body.find((node) => node.kind === 'text');
  if (first?.kind !== 'text') return undefined;
  if (/^#!.*\b(sh|bash|dash)\b/.test(first.text)) return 'shell';
  return first.text.startsWith('#cloud-config') ? 'yaml' : undefined;
}

class Rendering {
  readonly language: Language;
  readonly included: string[] = [];
  readonly #request: RenderRequest;
  readonly #lineage: readonly [Template, ...Template[]];
  readonly #blocks = new Map<string, Body>();
  readonly #templates = new Map<string, Template>();
  readonly #follower: ContextFollower;
  /** Innermost last; the first holds the templates' defaults. */
  readonly #scopes: Map<string, Value>[] = [new Map()];
  readonly #parts: string[] = [];
  #length = 0;
  #steps = 0;
  #spent = 0;

  constructor(request: RenderRequest, lineage: readonly [Template, ...Template[]]) {
    this.#request = request;
    this.#lineage = lineage;
    const declared = lineage
      .map(({ language, body }) => language ?? detectLanguage(body))
      .find((language) => language !== undefined);
    this.language = declared ?? request.language;
    this.#follower = new ContextFollower(this.language);
    for (const { blocks } of [...lineage].reverse()) for (const [name, body] of blocks) this.#blocks.set(name, body);
  }

  run(): string {
    const [own] = this.#lineage;
    const eldest = this.#lineage.at(-1) ?? own;
    // In a template that inherits, text outside blocks is written only by {{self.body}}, but its
    // defaults apply.
    if (eldest !== own) {
      this.#blocks.set('body', own.body);
      for (const { body } of this.#lineage.slice(0, -1)) this.#takeDefaults(body);
    }
    this.#write(eldest.body, 0);
    return this.#parts.join('');
  }

  #takeDefaults(body: Body): void {
    for (const node of body) if (node.kind === 'default' || node.kind === 'set') this.#node(node, 0);
  }

  #write(body: Body, depth: number): void {
    for (const node of body) this.#node(node, depth);
  }

  #node(node: TemplateNode, depth: number): void {
    this.#step(node);
    switch (node.kind) {
      case 'text':
        this.#append(node.text, node);
        break;
      case 'output':
        this.#output(node);
        break;
      case 'if':
        this.#if(node, depth);
        break;
      case 'for':
        this.#for(node, depth);
        break;
      case 'block': {
        const block = this.#blocks.get(node.name);
        if (block === undefined) failAt(node, 'no-block', { name: node.name, known: sortedNames(this.#blocks.keys()) });
        this.#write(block, this.#deeper(depth, node));
        break;
      }
      case 'include':
        this.#include(node, depth);
        break;
      case 'default':
      case 'set':
        if (node.kind === 'set' || this.#find(node.name) === undefined)
          this.#scopes[0]?.set(node.name, evaluate(node.value, this.#scopeAt(node)));
        break;
      case 'code':
        failAt(node, 'py-code', { text: node.text });
    }
  }

  #step(place: TemplatePlace): void {
    this.#steps += 1;
    if (this.#steps > STEPS_MAX) failAt(place, 'steps-many', { max: STEPS_MAX });
  }

  #include(node: IncludeNode, depth: number): void {
    const inner = this.#deeper(depth, node);
    const existing = this.#templates.get(node.name);
    const template = existing ?? this.#read(node);
    this.#templates.set(node.name, template);
    this.#write(template.body, inner);
  }

  #read(node: IncludeNode): Template {
    const loaded = this.#request.load(node.name);
    if (loaded === undefined) failAt(node, 'included-missing', { name: node.name });
    const template = parseTemplate(loaded.file, loaded.text);
    if (template.parent !== undefined) failAt(node, 'included-inherits', { name: node.name });
    this.included.push(loaded.file);
    for (const [name, body] of template.blocks) if (!this.#blocks.has(name)) this.#blocks.set(name, body);
    return template;
  }

  #deeper(depth: number, place: TemplatePlace): number {
    if (depth >= INCLUSION_DEPTH_MAX) failAt(place, 'inclusions-deep', { max: INCLUSION_DEPTH_MAX });
    return depth + 1;
  }

  #if({ branches, otherwise }: IfNode, depth: number): void {
    const chosen = branches.find(({ condition, place }) => isTruthy(evaluate(condition, this.#scopeAt(place))));
    this.#write(chosen === undefined ? otherwise : chosen.body, depth);
  }

  #for(node: ForNode, depth: number): void {
    const evaluated = evaluate(node.list, this.#scopeAt(node));
    const list = isMapping(evaluated) ? Object.entries(evaluated) : evaluated;
    if (!isList(list)) failAt(node, 'for-list', { value: getValueKind(evaluated) });
    for (const item of list) {
      const scope = new Map<string, Value>();
      const values: readonly Value[] = node.names.length > 1 && isList(item) ? item : [item];
      if (values.length !== node.names.length)
        failAt(node, 'for-names', { names: node.names.length, value: getValueKind(item), values: values.length });
      node.names.forEach((name, index) => {
        scope.set(name, values[index] ?? null);
      });
      this.#scopes.push(scope);
      // A loop with an empty body takes steps, too.
      this.#step(node);
      this.#write(node.body, depth);
      this.#scopes.pop();
    }
  }

  #output(node: OutputNode): void {
    const value = evaluate(node.expression, this.#scopeAt(node));
    const context = this.#follower.context();
    const quoted = writeValue(value, context, this.language);
    if (!quoted.ok) failAt(node, 'value-refused', { name: getRootName(node), why: quoted.why });
    this.#append(quoted.text, node);
  }

  #append(text: string, place: TemplatePlace): void {
    this.#length += text.length;
    if (this.#length > OUTPUT_CHARACTERS_MAX) failAt(place, 'output-long', { max: OUTPUT_CHARACTERS_MAX });
    this.#follower.follow(text);
    this.#parts.push(text);
  }

  #find(name: string): Value | undefined {
    for (let index = this.#scopes.length - 1; index >= 0; index -= 1) {
      const existing = this.#scopes[index]?.get(name);
      if (existing !== undefined) return existing;
    }
    const { variables } = this.#request;
    return Object.hasOwn(variables, name) ? variables[name] : undefined;
  }

  #scopeAt(place: TemplatePlace): Scope {
    return {
      find: (name) => this.#find(name),
      names: () =>
        new Set([...Object.keys(this.#request.variables), ...this.#scopes.flatMap((scope) => [...scope.keys()])]),
      language: this.language,
      spend: (characters) => {
        this.#spent += characters;
        if (this.#spent > WORK_CHARACTERS_MAX) failAt(place, 'work-long', { max: WORK_CHARACTERS_MAX });
      },
      place: { file: place.file, line: place.line },
    };
  }
}

/** The name at the root of an expression, for a message; never its value. */
function getRootName({ expression }: OutputNode): string {
  let root = expression;
  for (;;) {
    if (root.kind === 'name') return root.name;
    if (root.kind === 'part' || root.kind === 'item' || root.kind === 'method') root = root.of;
    else if (root.kind === 'call' && root.args[0] !== undefined) root = root.args[0];
    else return '…';
  }
}
