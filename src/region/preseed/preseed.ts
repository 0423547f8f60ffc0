// Renders a machine's file for one purpose: finds its template and fills it.
//
// Sources: `names.ts` for the names; docs/preseeds.md for the contents of templates.
//
// 1. The same request and templates give the same text; there is no state.
// 2. A mistake in a template is returned with file and line, never partial text.
// 3. YAML output is parsed before it is returned.

import { loadYamlParser } from '../../ground/yaml-parser.ts';
import type { Mistake, MistakeAt } from '../records/preseed-mistake.ts';
import type { Language } from './context.ts';
import { type Rendered, renderTemplate } from './engine.ts';
import { mistake } from './fault.ts';
import { LAST_NAME, templateNames } from './names.ts';
import { type PreseedRequest, PURPOSES } from './request.ts';
import type { FoundText, TemplateSource } from './template-source.ts';
import { buildVariables } from './variables.ts';

export type PreseedResult =
  | {
      readonly ok: true;
      readonly text: string;
      readonly language: Language;
      readonly name: string;
      readonly chain: readonly string[];
    }
  | ({ readonly ok: false } & MistakeAt);

export function listTemplateNames({ purpose, machine, osystem, release }: PreseedRequest): readonly string[] {
  return templateNames({
    prefix: PURPOSES[purpose].prefix,
    osystem,
    architecture: machine?.architecture ?? '',
    subarchitecture: machine?.subarchitecture ?? '',
    release,
    node: machine?.hostname ?? '',
  });
}

export function renderPreseed(request: PreseedRequest, templates: TemplateSource): PreseedResult {
  const names = listTemplateNames(request);
  for (const name of names) {
    const template = templates.find(name);
    if (template === undefined) continue;
    if (!template.ok) return buildUnreadable(template);
    return renderText(request, { name, ...template }, templates);
  }
  return { ok: false, file: LAST_NAME, line: 0, mistake: mistake('no-template', { purpose: request.purpose, names }) };
}

export function renderText(
  request: PreseedRequest,
  template: { readonly name: string; readonly path: string; readonly text: string },
  templates: TemplateSource,
): PreseedResult {
  let broken: PreseedResult | undefined;
  const load = (name: string): { file: string; text: string } | undefined => {
    const template = templates.find(name);
    if (template?.ok === false) broken ??= buildUnreadable(template);
    return template?.ok === true ? { file: template.path, text: template.text } : undefined;
  };
  const rendered: Rendered = renderTemplate({
    file: template.path,
    source: template.text,
    variables: buildVariables(request),
    language: PURPOSES[request.purpose].language,
    load,
  });
  // An unreadable file explains more than a missing one.
  if (broken !== undefined) return broken;
  if (!rendered.ok) return rendered;
  const problem = rendered.language === 'yaml' ? yamlProblem(rendered.text) : undefined;
  if (problem !== undefined) return { ok: false, file: template.path, line: 0, mistake: problem };
  return { ...rendered, name: template.name };
}

/** Why a text is not YAML, without its contents; `undefined` if it is, or if the machine renders it first. */
function yamlProblem(text: string): Mistake | undefined {
  if (text.startsWith('## template: jinja')) return undefined;
  const documents = loadYamlParser().parseAllDocuments(text, { version: '1.1', prettyErrors: true, uniqueKeys: false });
  const [error] = documents.flatMap(({ errors }) => errors);
  return error && mistake('not-yaml', { error: error.code, line: error.linePos?.[0].line ?? 1 });
}

const buildUnreadable = ({ path, fault }: FoundText & { readonly ok: false }): PreseedResult => ({
  ok: false,
  file: path,
  line: 0,
  mistake: fault,
});
