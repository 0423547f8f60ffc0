// Renders what a machine is given for one purpose: finds its template, and fills it.
//
// Sources: the names are those of `names.ts`; what templates may say is in docs/preseeds.md.
//
// 1. The same request and the same templates give the same text; nothing is remembered.
// 2. A mistake in a template is an answer with file and line, and never half a text.
// 3. What is to be YAML is read as such before it is given to anybody.

import { parseAllDocuments } from 'yaml';
import { type Rendered, renderTemplate } from './engine.ts';
import { LAST_NAME, templateNames } from './names.ts';
import type { Language } from './place.ts';
import { type PreseedRequest, PURPOSES } from './request.ts';
import type { FoundText, TemplateSource } from './template-source.ts';
import { variablesOf } from './variables.ts';

/** The text with what it was made of, or the first mistake. */
export type PreseedResult =
  | {
      readonly ok: true;
      readonly text: string;
      /** What it is written in. */
      readonly language: Language;
      /** The name under which the template was found. */
      readonly name: string;
      /** The files that were read, the template first. */
      readonly chain: readonly string[];
    }
  | {
      readonly ok: false;
      readonly file: string;
      /** From 1; 0: the file as a whole. */
      readonly line: number;
      readonly reason: string;
    };

/** The names under which the template of a request is looked for. */
export function namesOf({ purpose, machine, osystem, release }: PreseedRequest): readonly string[] {
  return templateNames({
    prefix: PURPOSES[purpose].prefix,
    osystem,
    architecture: machine?.architecture ?? '',
    subarchitecture: machine?.subarchitecture ?? '',
    release,
    node: machine?.hostname ?? '',
  });
}

/** Renders the template that a request finds. */
export function renderPreseed(request: PreseedRequest, templates: TemplateSource): PreseedResult {
  const names = namesOf(request);
  for (const name of names) {
    const found = templates.find(name);
    if (found === undefined) continue;
    if (!found.ok) return unreadable(found);
    return renderText(request, { name, ...found }, templates);
  }
  const reason = `there is no template for ${request.purpose}; looked for: ${names.join(', ')}`;
  return { ok: false, file: LAST_NAME, line: 0, reason };
}

/** Renders this text, whatever the search would have found. */
export function renderText(
  request: PreseedRequest,
  template: { readonly name: string; readonly path: string; readonly text: string },
  templates: TemplateSource,
): PreseedResult {
  let broken: PreseedResult | undefined;
  const load = (name: string): { file: string; text: string } | undefined => {
    const found = templates.find(name);
    if (found?.ok === false) broken ??= unreadable(found);
    return found?.ok === true ? { file: found.path, text: found.text } : undefined;
  };
  const rendered: Rendered = renderTemplate({
    file: template.path,
    source: template.text,
    variables: variablesOf(request),
    language: PURPOSES[request.purpose].language,
    load,
  });
  // That a file cannot be read says more than that it is not there.
  if (broken !== undefined) return broken;
  if (!rendered.ok) return rendered;
  const problem = rendered.language === 'yaml' ? yamlProblem(rendered.text) : undefined;
  if (problem !== undefined) return { ok: false, file: template.path, line: 0, reason: problem };
  return { ...rendered, name: template.name };
}

/** What keeps a text from being YAML; undefined: it is some, or becomes so only at the machine. Says nothing of what is in it. */
function yamlProblem(text: string): string | undefined {
  if (text.startsWith('## template: jinja')) return undefined;
  const [error] = parseAllDocuments(text, { version: '1.1', prettyErrors: true, uniqueKeys: false }).flatMap(
    ({ errors }) => errors,
  );
  return error && `what it makes is no YAML: ${error.code} in line ${error.linePos?.[0].line ?? 1} of the result`;
}

const unreadable = ({ path, reason }: FoundText & { readonly ok: false }): PreseedResult => ({
  ok: false,
  file: path,
  line: 0,
  reason,
});
