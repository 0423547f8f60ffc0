// Profiles (`boot.profiles`), from the written form. The API stores the same form, so there is one parser.

import { z } from 'zod';
import { isPlainName } from '../boot/images.ts';
import {
  fillTemplate,
  findUnknownValue,
  PROFILE_INITRDS_MAX,
  PROFILE_KINDS,
  PROFILE_NAME_MAX,
  PROFILE_SCRIPT_MAX,
  PROFILE_TITLE_MAX,
  PROFILE_VALUES,
  PROFILES_MAX,
  type Profile,
  parseBootFile,
  parseMachineName,
  parseProfileInitrd,
  SAMPLE_VALUES,
} from '../boot/profile.ts';
import { kernelParamsText, PROFILE_ARGUMENTS_BYTES_MAX, refuseKernelParams } from '../boot/quotable.ts';
import { textual } from './written-values.ts';

/** The most machines, tags or pools of one profile. */
const NAMES_MAX = 4096;
const FILE = 'a file of the boot tree, such as profiles/talos/vmlinuz, or an http or https URL without a password';
const INITRDS = `${FILE}; NAME=FILE gives it a name for wimboot`;

const profileName = textual('a name of lower-case letters, digits, dots and hyphens', (text) =>
  isPlainName(text) && /^[a-z0-9.-]+$/.test(text) && text.length <= PROFILE_NAME_MAX ? text : undefined,
);
const title = z
  .string()
  .max(PROFILE_TITLE_MAX)
  .regex(/^[ -~]*$/, { error: 'expected printable ASCII, because firmware shows it' });
const initrd = textual(INITRDS, (text) => (parseProfileInitrd(text) === undefined ? undefined : text));
const areaName = textual('a name', (text) => (/^[\w .-]{1,256}$/.test(text) ? text : undefined));
const names = <T extends z.ZodType>(item: T) => z.array(item).max(NAMES_MAX).default([]);
const machines = names(textual('a system id, a host name or a hardware address', parseMachineName));

export const profile = z
  .strictObject({
    name: profileName,
    title: title.default(''),
    kind: z.enum(PROFILE_KINDS, { error: `expected one of ${PROFILE_KINDS.join(', ')}` }).default('kernel'),
    file: textual(FILE, parseBootFile).default(''),
    initrds: z.array(initrd).max(PROFILE_INITRDS_MAX).default([]),
    arguments: z.string().default(''),
    script: z
      .string()
      .max(PROFILE_SCRIPT_MAX)
      .regex(/^[\t\n\r -~]*$/, { error: 'expected printable ASCII' })
      .default(''),
    architecture: textual('an architecture such as amd64 or arm64', (text) =>
      /^[a-z0-9]{2,16}$/.test(text) ? text : undefined,
    ).optional(),
    machines,
    tags: names(areaName),
    pools: names(areaName),
    unknown: z.boolean().default(false),
    except: machines,
    offered: z.boolean().default(false),
  })
  .superRefine((written, context) => {
    for (const [path, message] of findProfileProblems(written)) {
      context.issues.push({ code: 'custom', message, path: [path], input: written });
    }
  });

/** What does not fit together, by key. */
function* findProfileProblems(written: Profile): Generator<readonly [string, string]> {
  const { kind, file, initrds, arguments: template, script, unknown } = written;
  if (kind === 'ipxe' && script === '') yield ['script', 'is missing: the kind ipxe is the text of a script'];
  if (kind === 'ipxe' && file !== '') yield ['file', 'has no effect with the kind ipxe: remove it'];
  if (kind !== 'ipxe' && file === '') yield ['file', `is missing: expected ${FILE}`];
  if (kind !== 'ipxe' && script !== '') yield ['script', `has no effect with the kind ${kind}: remove it`];
  if (kind !== 'kernel' && initrds.length > 0) yield ['initrds', `has no effect with the kind ${kind}: remove it`];
  if (kind !== 'kernel' && template !== '') yield ['arguments', `has no effect with the kind ${kind}: remove it`];
  for (const [key, text] of [['arguments', template] as const, ['script', script] as const]) {
    const unknownValue = findUnknownValue(text, unknown);
    if (unknownValue !== undefined) yield [key, formatUnknownValue(unknownValue)];
  }
  const filled = fillTemplate(template, SAMPLE_VALUES);
  const refusal = filled.ok ? refuseKernelParams(filled.text, PROFILE_ARGUMENTS_BYTES_MAX) : undefined;
  if (refusal !== undefined) yield ['arguments', kernelParamsText(refusal, PROFILE_ARGUMENTS_BYTES_MAX)];
}

const formatUnknownValue = (name: string): string =>
  PROFILE_VALUES.some((value) => value === name)
    ? `{${name}} stands for nothing where nobody knows the machine: remove it, or unknown`
    : `{${name}} is not a value of a machine: use ${PROFILE_VALUES.map((value) => `{${value}}`).join(', ')}`;

/** `boot.profiles`. */
export const profileList = z
  .array(profile)
  .max(PROFILES_MAX)
  .superRefine((profiles, context) => {
    const earlierNames = new Set<string>();
    for (const [index, { name }] of profiles.entries()) {
      if (earlierNames.has(name))
        context.issues.push({
          code: 'custom',
          message: `"${name}" is the name of another profile, too`,
          path: [index, 'name'],
          input: name,
        });
      earlierNames.add(name);
    }
  });
