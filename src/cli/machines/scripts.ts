// `rackboot scripts add`, `list`, `show` and `remove`: the scripts that commission and test machines.

import { basename } from 'node:path';
import { z } from 'zod';
import { loadPlace } from '../../config/config-file.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import type { OptionNames } from '../../control/field-refusal.ts';
import { RackError } from '../../errors.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { formatBytes, formatDuration, print, printDocument, printJson, printTable } from '../terminal/output.ts';

const PATH = '/MAAS/api/2.0/scripts/';
const shape = z.looseObject({
  name: z.string(),
  type: z.number(),
  title: z.string(),
  timeout_seconds: z.number(),
  position: z.number(),
  tags: z.array(z.string()),
  bytes: z.number(),
});
/** The options of `add`, by the field that each sets. */
const NAMES: OptionNames = {
  name: '--name',
  position: '--position',
  script: 'FILE',
  tags: '--tag',
  timeout: '--timeout',
  title: '--title',
  type: '--kind',
};
const KINDS: Readonly<Record<number, string>> = { 0: 'commissioning', 2: 'testing' };

/** Adds or replaces a script from a file. @returns 0 @throws RackError `bad-argument` for an unusable file, `not-found` */
export async function addScript(argv: {
  readonly config: string;
  readonly json: boolean;
  readonly file: string;
  readonly name?: string | undefined;
  readonly kind?: string | undefined;
  readonly title?: string | undefined;
  readonly timeout?: string | undefined;
  readonly position?: number | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly replace: boolean;
}): Promise<number> {
  const { stateDir } = loadPlace(argv.config);
  const bytes = readGivenFile(argv.file);
  const script = bytes.toString('utf8');
  if (!Buffer.from(script).equals(bytes)) throw new RackError('bad-argument', `${argv.file} is not UTF-8 text`);
  const own = /^# ?name:\s*(\S+)\s*$/im.exec(script)?.[1];
  const name = argv.name ?? own ?? basename(argv.file).replace(/\.(?:sh|awk)$/, '');
  const form = new URLSearchParams({ name, script });
  const rest = {
    type: argv.kind,
    title: argv.title,
    timeout: argv.timeout,
    position: argv.position?.toString(),
    tags: argv.tag?.join(','),
  };
  for (const [key, value] of Object.entries(rest)) if (value !== undefined) form.set(key, value);
  const path = argv.replace ? `${PATH}${encodeURIComponent(name)}/` : PATH;
  const raw = await askDaemon(stateDir, path, argv.replace ? 'PUT' : 'POST', form.toString(), { names: NAMES });
  if (argv.json) printJson(raw);
  else {
    const { name: kept, type, timeout_seconds: seconds } = shape.parse(raw);
    print(`${kept} is a ${KINDS[type] ?? ''} script; it may take ${formatDuration(seconds * 1000)}.`);
  }
  return 0;
}

/** Prints all scripts. @returns 0 */
export async function listScripts(config: string, json: boolean): Promise<number> {
  const raw = await askDaemon(loadPlace(config).stateDir, PATH);
  if (json) printJson(raw);
  else {
    const scripts = z.array(shape).parse(raw);
    const isTagged = scripts.some(({ tags }) => tags.length > 0);
    const rows = scripts.map((one) => [
      one.name,
      KINDS[one.type] ?? '',
      String(one.position),
      formatDuration(one.timeout_seconds * 1000),
      formatBytes(one.bytes),
      ...(isTagged ? [one.tags.join(',')] : []),
      one.title,
    ]);
    const headings = ['NAME', 'KIND', 'POSITION', 'AT MOST', 'SIZE', ...(isTagged ? ['TAGS'] : []), 'TITLE'];
    printTable(headings, rows, 'There are no scripts yet: rackboot scripts add FILE');
  }
  return 0;
}

/** Prints the text of a script. @returns 0 @throws RackError `not-found` */
export async function showScript(config: string, name: string): Promise<number> {
  const text = await askDaemon(loadPlace(config).stateDir, `${PATH}${encodeURIComponent(name)}/?op=download`);
  printDocument(String(text));
  return 0;
}

/** Removes a script. @returns 0 @throws RackError `not-found` */
export async function removeScript(config: string, name: string, json: boolean): Promise<number> {
  await askDaemon(loadPlace(config).stateDir, `${PATH}${encodeURIComponent(name)}/`, 'DELETE');
  if (json) printJson({ name });
  else print(`The script ${name} is removed.`);
  return 0;
}
