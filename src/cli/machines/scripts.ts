// `rackboot scripts add`, `list`, `show` and `remove`: the scripts that commission and test machines.

import { basename } from 'node:path';
import { z } from 'zod';
import type { OptionNames } from '../../control/field-refusal.ts';
import { RackError } from '../../ground/errors.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatBytes, formatDuration, print, printDocument, tableText } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/scripts/';
const scriptShape = z.looseObject({
  name: z.string(),
  type: z.number(),
  title: z.string(),
  timeout_seconds: z.number(),
  position: z.number(),
  tags: z.array(z.string()),
  bytes: z.number(),
});
/** The options of `add`, by the field that each sets. */
const OPTION_NAMES: OptionNames = {
  name: '--name',
  position: '--position',
  script: 'FILE',
  tags: '--tag',
  timeout: '--timeout',
  title: '--title',
  type: '--kind',
};
const KINDS: Readonly<Record<number, string>> = { 0: 'commissioning', 2: 'testing' };

const scriptPath = (name: string): string => `${PATH}${encodeURIComponent(name)}/`;

/**
 * Adds or replaces a script from a file. @throws RackError `bad-argument` for an unusable file,
 * `not-found`
 */
export async function addScript(
  argv: Where & {
    readonly file: string;
    readonly name?: string | undefined;
    readonly kind?: string | undefined;
    readonly title?: string | undefined;
    readonly timeout?: string | undefined;
    readonly position?: number | undefined;
    readonly tag?: readonly string[] | undefined;
    readonly replace: boolean;
  },
): Promise<number> {
  const bytes = readGivenFile(argv.file);
  const script = bytes.toString('utf8');
  if (!Buffer.from(script).equals(bytes)) throw new RackError('bad-argument', `${argv.file} is not UTF-8 text`);
  const headerName = /^# ?name:\s*(\S+)\s*$/im.exec(script)?.[1];
  const name = argv.name ?? headerName ?? basename(argv.file).replace(/\.(?:sh|awk)$/, '');
  const { kind: type, title, timeout, position, tag } = argv;
  const fields = { name, script, type, title, timeout, position, tags: tag?.join(',') };
  const [path, method] = argv.replace ? [scriptPath(name), 'PUT' as const] : [PATH, 'POST' as const];
  const raw = await askRegion(argv, path, method, fields, OPTION_NAMES);
  return printAnswer(argv, raw, () => {
    const script = scriptShape.parse(raw);
    const time = formatDuration(script.timeout_seconds * 1000);
    print(`${script.name} is a ${KINDS[script.type] ?? ''} script; it may take ${time}.`);
  });
}

export function scriptsText(answer: unknown): string {
  const scripts = z.array(scriptShape).parse(answer);
  const isTagged = scripts.some(({ tags }) => tags.length > 0);
  const rows = scripts.map((script) => [
    script.name,
    KINDS[script.type] ?? '',
    String(script.position),
    formatDuration(script.timeout_seconds * 1000),
    formatBytes(script.bytes),
    ...(isTagged ? [script.tags.join(',')] : []),
    script.title,
  ]);
  const headings = ['NAME', 'KIND', 'POSITION', 'AT MOST', 'SIZE', ...(isTagged ? ['TAGS'] : []), 'TITLE'];
  return tableText(headings, rows, 'There are no scripts yet: rackboot scripts add FILE');
}

/** Prints the text of a script. @throws RackError `not-found` */
export async function showScript(argv: Where & { readonly script: string }): Promise<number> {
  printDocument(String(await askRegion(argv, `${scriptPath(argv.script)}?op=download`)));
  return 0;
}
