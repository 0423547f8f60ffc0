// The parts of documents that are made from the code. A part stands in its document between `<!-- made: NAME -->` and `<!-- /made -->`; the text
// around it is written there. `npm run docs` writes the parts.

import { bootsFromHttp, FIRMWARE_ARCHITECTURES } from '../../src/boot/architectures.ts';
import { QUIRK_FIRMWARE } from '../../src/boot/boot-words.ts';
import { LOOP_LOADS_MAX, LOOP_MS_MAX } from '../../src/boot/loader-loops.ts';
import { QUIRK_NAMES, QUIRKS } from '../../src/boot/quirks.ts';
import { ADDRESSES_MAX, REFRESH_MS, RETRY_MS } from '../../src/daemon/rack/server-names.ts';
import { KNOWN_OPTIONS, NAMED_OPTIONS } from '../../src/dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES, OPTION_TYPES } from '../../src/dhcp/wire/option-value.ts';
import { FILTERS, METHODS } from '../../src/region/preseed/evaluation.ts';
import { templateNames } from '../../src/region/preseed/names.ts';
import { PURPOSES, type PurposeDescription } from '../../src/region/preseed/request.ts';
import { VARIABLES } from '../../src/region/preseed/variables.ts';
import { eventsParts } from './events-parts.ts';
import { readDocument } from './markdown.ts';
import { table } from './markdown-table.ts';

const FIRMWARE = { bios: 'BIOS', uefi: 'UEFI' } as const;

const firmwareParts = () => ({
  architectures: table(
    ['option 93', 'firmware', 'boots from', 'loader'],
    FIRMWARE_ARCHITECTURES.map(({ code, firmware, cpu, loader }) => [
      String(code),
      `${FIRMWARE[firmware]} ${cpu}`,
      bootsFromHttp(code) ? 'HTTP' : 'TFTP',
      `\`${loader}\``,
    ]),
  ),
  quirks: table(
    ['quirk', 'firmware', 'treatment'],
    QUIRK_NAMES.map((name) => [`\`${name}\``, QUIRK_FIRMWARE[name], QUIRKS[name].explanation]),
  ),
  loop: `${LOOP_LOADS_MAX} times within ${LOOP_MS_MAX / 60_000} minutes`,
});

const optionsParts = () => ({
  refresh: `every ${REFRESH_MS / 60_000} minutes`,
  addresses: `${ADDRESSES_MAX} addresses`,
  retry: `every ${RETRY_MS / 1000} s`,
  types: table(
    ['Type', 'Written value'],
    OPTION_TYPE_NAMES.map((name) => [`\`${name}\``, OPTION_TYPES[name]]),
  ),
  names: table(
    ['Code', 'Name', 'In a capture', 'Type', 'Legal', 'Source'],
    NAMED_OPTIONS.map(({ code, name, label, type, legal, source }) => [
      String(code),
      `\`${name}\``,
      label,
      `\`${type}\``,
      legal?.text ?? '',
      source,
    ]),
  ),
  unnamed: KNOWN_OPTIONS.flatMap((row) => (row.kind === 'unnamed' ? [`${row.code} ${row.label}`] : [])).join(', '),
  refused: table(
    ['Code', 'In a capture', 'Why'],
    KNOWN_OPTIONS.flatMap((row) => (row.kind === 'refused' ? [[String(row.code), row.label, row.why]] : [])),
  ),
});

const code = (text: string): string => (text === '' ? '' : `\`${text}\``);
const purposes: readonly (readonly [string, PurposeDescription])[] = Object.entries(PURPOSES);

const preseedsParts = () => ({
  purposes: table(
    ['purpose', 'first part of the name', 'written in', 'meaning'],
    purposes.map(([name, { prefix, language, meaning }]) => [code(name), code(prefix), language, meaning]),
  ),
  'template-names': templateNames({
    prefix: 'curtin_userdata',
    osystem: 'ubuntu',
    architecture: 'amd64',
    subarchitecture: 'generic',
    release: 'jammy',
    node: 'calm-ibis',
  })
    .map((name, index) => `${index + 1}. \`${name}\``)
    .join('\n'),
  filters: table(
    ['filter', 'output'],
    Object.entries(FILTERS).map(([name, text]) => [code(name), text]),
  ),
  methods: table(
    ['method', 'value'],
    Object.entries(METHODS).map(([name, text]) => [code(`${name}()`), text]),
  ),
  values: table(
    ['name', 'meaning', 'example'],
    Object.entries(VARIABLES).map(([name, { meaning, example }]) => [code(name), meaning, code(example)]),
  ),
});

/** The parts of each document, by their names. */
export const MADE_PARTS: Readonly<Record<string, () => Readonly<Record<string, string>>>> = {
  'docs/firmware.md': firmwareParts,
  'docs/preseeds.md': preseedsParts,
  'docs/reference/dhcp-options.md': optionsParts,
  'docs/reference/events.md': eventsParts,
};

/** A document with its parts as the code makes them now. @throws Error when a part has no place in it, or a place no part */
export function withMadeParts(path: string): string {
  const left = new Map(Object.entries(MADE_PARTS[path]?.() ?? {}));
  const text = readDocument(path).replace(
    /(<!-- made: (\S+) -->\n?).*?(\n?<!-- \/made -->)/gs,
    (_, begin: string, name: string, end: string) => {
      const part = left.get(name);
      if (part === undefined) throw new Error(`${path}: nothing makes ${name}`);
      left.delete(name);
      return `${begin}${part}${end}`;
    },
  );
  if (left.size > 0) throw new Error(`${path} has no place for ${[...left.keys()].join(', ')}`);
  return text;
}
