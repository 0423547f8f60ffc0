// Parses the tokens of `scanner.ts` into a template's tree, and checks each directive before rendering.
//
//   {{NAME}}  {{NAME|FILTER}}                         a value
//   {{if X}} … {{elif Y}} … {{else}} … {{endif}}      {{for ONE in LIST}} … {{endfor}}
//   {{inherit "NAME"}}                                this template only fills the blocks of NAME
//   {{def BLOCK}} … {{enddef}}                        a block, which {{self.BLOCK}} writes
//   {{include "NAME"}}                                another template, inserted here
//   {{default NAME = X}}                              a value for an undefined name
//   {{py: NAME = X}}                                  a value for a name
//   {{language LANGUAGE}}                             the language of the quoting
//
// 1. Code in {{py: …}} other than that is a mistake only where it is reached: MAAS's template for
//    curtin has some for drivers of third parties, which no machine has here.
// 2. The nesting of directives is bounded, and with it the depth of the tree; so no walk over the
//    tree can overflow the stack.

import { isLanguage, LANGUAGES, type Language } from './context.ts';
import { type Expression, parseExpression } from './expression.ts';
import { failAt, formatShownText, sortedNames, TemplateFault, type TemplatePlace } from './fault.ts';
import { scanTemplate, type Token } from './scanner.ts';

const NESTING_MAX = 32;

interface Node extends TemplatePlace {
  readonly kind: string;
}
interface TextNode extends Node {
  readonly kind: 'text';
  readonly text: string;
}
export interface OutputNode extends Node {
  readonly kind: 'output';
  readonly expression: Expression;
}
export interface IfNode extends Node {
  readonly kind: 'if';
  readonly branches: readonly { readonly condition: Expression; readonly place: TemplatePlace; readonly body: Body }[];
  readonly otherwise: Body;
}
export interface ForNode extends Node {
  readonly kind: 'for';
  readonly names: readonly string[];
  readonly list: Expression;
  readonly body: Body;
}
interface BlockNode extends Node {
  readonly kind: 'block';
  readonly name: string;
}
export interface IncludeNode extends Node {
  readonly kind: 'include';
  readonly name: string;
}
/** `default` sets a name only if it is undefined. */
interface DefaultNode extends Node {
  readonly kind: 'default' | 'set';
  readonly name: string;
  readonly value: Expression;
}
/** A directive that is refused if it is reached. */
interface CodeNode extends Node {
  readonly kind: 'code';
  readonly text: string;
}
export type TemplateNode = CodeNode | TextNode | OutputNode | IfNode | ForNode | BlockNode | IncludeNode | DefaultNode;
export type Body = readonly TemplateNode[];

export interface Template {
  readonly file: string;
  readonly body: Body;
  readonly blocks: ReadonlyMap<string, Body>;
  readonly parent: { readonly name: string; readonly place: TemplatePlace } | undefined;
  readonly language: Language | undefined;
}

/** Parses a template. @throws TemplateFault if it is malformed */
export function parseTemplate(file: string, source: string): Template {
  return new Builder(file, scanTemplate(file, source)).build();
}

type Directive = Token & { readonly kind: 'directive' };

interface Ended {
  readonly body: Body;
  readonly end: Directive | undefined;
}

class Builder {
  readonly #file: string;
  readonly #tokens: readonly Token[];
  readonly #blocks = new Map<string, Body>();
  #at = 0;
  #parent: Template['parent'];
  #language: Language | undefined;

  constructor(file: string, tokens: readonly Token[]) {
    this.#file = file;
    this.#tokens = tokens;
  }

  build(): Template {
    const { body, end } = this.#body(0);
    if (end !== undefined) failAt(this.#placeOf(end), 'directive-unopened', { word: end.word });
    return { file: this.#file, body, blocks: this.#blocks, parent: this.#parent, language: this.#language };
  }

  #placeOf({ line }: Token): TemplatePlace {
    return { file: this.#file, line };
  }

  #body(depth: number): Ended {
    const body: TemplateNode[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      this.#at += 1;
      if (token === undefined) return { body, end: undefined };
      if (token.kind === 'text') {
        body.push({ kind: 'text', text: token.text, ...this.#placeOf(token) });
        continue;
      }
      if (['elif', 'else', 'endif', 'endfor', 'enddef'].includes(token.word)) return { body, end: token };
      if (depth > NESTING_MAX) failAt(this.#placeOf(token), 'directives-nested', { max: NESTING_MAX });
      const node = this.#node(token, depth);
      if (node !== undefined) body.push(node);
    }
  }

  #node(token: Directive, depth: number): TemplateNode | undefined {
    const place = this.#placeOf(token);
    switch (token.word) {
      case '#':
        return undefined;
      case '':
        return this.#output(token.rest, place);
      case 'if':
        return this.#if(token, depth);
      case 'for':
        return this.#for(token, depth);
      case 'def':
        return this.#def(token, depth);
      case 'include':
        return { kind: 'include', name: this.#quotedName(token), ...place };
      case 'inherit':
        if (this.#parent !== undefined) failAt(place, 'inherits-already', { name: formatShownText(this.#parent.name) });
        this.#parent = { name: this.#quotedName(token), place };
        return undefined;
      case 'default':
        return this.#assignment('default', token.rest, place) ?? failAt(place, 'default-form', {});
      case 'py':
        try {
          const node = this.#assignment('set', token.rest, place);
          if (node !== undefined) return node;
        } catch (error) {
          if (!(error instanceof TemplateFault)) throw error;
        }
        return { kind: 'code', text: formatShownText(token.rest), ...place };
      case 'language':
        if (!isLanguage(token.rest))
          failAt(place, 'language-unknown', { name: formatShownText(token.rest), known: sortedNames(LANGUAGES) });
        this.#language = token.rest;
        return undefined;
      default:
        return failAt(place, 'directive-unknown', { word: token.word });
    }
  }

  /** `NAME = X`; undefined: it is something else. */
  #assignment(kind: 'default' | 'set', text: string, place: TemplatePlace): TemplateNode | undefined {
    const [, name = '', value = ''] = /^([A-Za-z_]\w*)\s*=(?!=)\s*(.+)$/s.exec(text) ?? [];
    return name === '' ? undefined : { kind, name, value: parseExpression(value, place), ...place };
  }

  #output(text: string, place: TemplatePlace): TemplateNode {
    const block = /^self\.([A-Za-z_]\w*)(?:\(\))?$/.exec(text)?.[1];
    if (block !== undefined) return { kind: 'block', name: block, ...place };
    return { kind: 'output', expression: parseExpression(text, place), ...place };
  }

  #if(first: Directive, depth: number): TemplateNode {
    const branches: IfNode['branches'][number][] = [];
    let head = first;
    for (;;) {
      const place = this.#placeOf(head);
      const condition = parseExpression(head.rest, place);
      const { body, end } = this.#body(depth + 1);
      branches.push({ condition, place, body });
      if (end?.word === 'elif') {
        head = end;
        continue;
      }
      const last = end?.word === 'else' ? this.#body(depth + 1) : { body: [], end };
      this.#expect(last.end, 'endif', first);
      return { kind: 'if', branches, otherwise: last.body, ...this.#placeOf(first) };
    }
  }

  #for(token: Directive, depth: number): TemplateNode {
    const place = this.#placeOf(token);
    const [, names = '', list = ''] =
      /^([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*){0,7})\s+in\s+(.+)$/s.exec(token.rest) ?? [];
    if (names === '') failAt(place, 'for-form', {});
    const { body, end } = this.#body(depth + 1);
    this.#expect(end, 'endfor', token);
    return { kind: 'for', names: names.split(/\s*,\s*/), list: parseExpression(list, place), body, ...place };
  }

  #def(token: Directive, depth: number): undefined {
    const place = this.#placeOf(token);
    const name = /^([A-Za-z_]\w*)(?:\(\s*\))?$/.exec(token.rest)?.[1];
    if (name === undefined) failAt(place, 'def-form', {});
    if (depth > 0) failAt(place, 'def-nested', { name });
    if (this.#blocks.has(name)) failAt(place, 'def-twice', { name });
    const { body, end } = this.#body(depth + 1);
    this.#expect(end, 'enddef', token);
    this.#blocks.set(name, body);
    return undefined;
  }

  #expect(end: Directive | undefined, word: string, begin: Directive): void {
    if (end?.word === word) return;
    const place = this.#placeOf(end === undefined ? begin : end);
    failAt(place, 'directive-unended', { found: end?.word, wanted: word, begun: begin.word, line: begin.line });
  }

  #quotedName(token: Directive): string {
    const [, double, single] = /^(?:"([^"]*)"|'([^']*)')$/.exec(token.rest) ?? [];
    const name = double ?? single;
    if (name === undefined) failAt(this.#placeOf(token), 'name-form', { word: token.word });
    return name;
  }
}
