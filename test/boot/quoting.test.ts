// No text of an operator or a machine becomes a loader's command, and the kernel sees the same arguments whichever
// loader started it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { resolveBootAsset } from '../../src/boot/asset.ts';
import { quoteGrub } from '../../src/boot/grub.ts';
import { quoteIpxe } from '../../src/boot/ipxe.ts';
import {
  KERNEL_LINE_BYTES_MAX,
  type KernelParamsRefusal,
  parseKernelParams,
  writeKernelWord,
} from '../../src/boot/kernel-line.ts';
import { quotePxelinux } from '../../src/boot/pxelinux.ts';
import { KERNEL_PARAMS_BYTES_MAX, refuseKernelParams } from '../../src/boot/quotable.ts';
import { Unquotable } from '../../src/boot/step.ts';
import { codePoint } from '../support/any-text.ts';
import { RACK } from '../support/lab-facts.ts';
import { assetContext, MACS, machine, PEER } from './rack.ts';

const PARSED: readonly [string, readonly string[] | KernelParamsRefusal][] = [
  ['', []],
  ['  \t ', []],
  ['a  b=c', ['a', 'b=c']],
  ['console=ttyS0,115200n8', ['console=ttyS0,115200n8']],
  ['a="b c" d', ['a=b c', 'd']],
  ['"a=b c" d', ['a=b c', 'd']],
  ['"b c"', ['b c']],
  ['a="" b', ['a=', 'b']],
  ['"" a "  "', ['a']],
  ['a="b', 'unbalanced-quote'],
  ['a" b', 'unbalanced-quote'],
  ['a"b"c', 'quote-inside-word'],
  ['a="b"c', 'quote-inside-word'],
  ['"a"="b"', 'quote-inside-word'],
  ['a\nb', 'not-printable-ascii'],
  ['a\u0000b', 'not-printable-ascii'],
  ['ä', 'not-printable-ascii'],
  ['x'.repeat(KERNEL_LINE_BYTES_MAX + 1), 'too-long'],
];

for (const [text, expected] of PARSED) {
  test(`kernel arguments ${JSON.stringify(text.slice(0, 30))} are read`, () => {
    const parsed = parseKernelParams(text);
    assert.deepEqual(parsed.ok ? parsed.words : parsed.refusal, expected);
  });
}

const CHECKED: readonly [string, KernelParamsRefusal | undefined][] = [
  ['console=ttyS4 mei.blacklist=yes mei_me.blacklist=yes', undefined],
  ['opt="a b" $x #y ;z {a} (b) <c>', 'not-for-ipxe'],
  ['a=$x b=y#z c=a;b {d} (e) <f> | &', undefined],
  ["cc:'x'", 'not-for-grub'],
  ['a=b\\nc', 'not-for-grub'],
  ['a=$\u007bnet0/mac}', 'not-for-ipxe'],
  ['a || reboot', 'not-for-ipxe'],
  ['a && reboot', 'not-for-ipxe'],
  ['a ; reboot', 'not-for-ipxe'],
  ['#a', 'not-for-ipxe'],
  ['a="b  c"', 'not-for-ipxe'],
  ['a="b "', undefined],
  ['x'.repeat(KERNEL_PARAMS_BYTES_MAX + 1), 'too-long'],
];

for (const [text, expected] of CHECKED) {
  test(`${JSON.stringify(text.slice(0, 40))} ${expected === undefined ? 'can be stored' : `is refused: ${expected}`}`, () => {
    assert.equal(refuseKernelParams(text), expected);
  });
}

// ---- models of the three languages, of GRUB's `linux` and of the kernel, written from their sources ----

/** GRUB's shell: commands of words, from text with single and double quotes, comments and separators. */
function lexGrub(text: string): string[][] {
  const commands: string[][] = [[]];
  const pattern = /'([^']*)'|"([^"]*)"|(#[^\n]*)|([;\n])|([ ]+)|([^'"; \n]+)/gy;
  let joined = false;
  for (const match of text.matchAll(pattern)) {
    const [, single, double, comment, end, blank, bare] = match;
    const command = commands.at(-1) ?? [];
    if (comment !== undefined && !joined) continue;
    if (end !== undefined) commands.push([]);
    if (end !== undefined || blank !== undefined) joined = false;
    else {
      const part = single ?? double ?? bare ?? comment ?? '';
      if (joined) command.push(`${command.pop() ?? ''}${part}`);
      else command.push(part);
      joined = true;
    }
  }
  return commands.filter((command) => command.length > 0);
}

/** grub_create_loader_cmdline: words with a space in double quotes, a backslash before quotes and backslashes. */
function grubKernelLine(words: readonly string[]): string {
  const escaped = words.map((word) => word.replace(/[\\'"]/g, '\\$&'));
  return escaped.map((word) => (word.includes(' ') ? `"${word}"` : word)).join(' ');
}

/** next_arg of the kernel: names and values. */
function kernelArguments(line: string): string[][] {
  const found: string[][] = [];
  let rest = line.trimStart();
  while (rest !== '') {
    const quoted = rest.startsWith('"');
    if (quoted) rest = rest.slice(1);
    let inside = quoted;
    let end = 0;
    while (end < rest.length && (inside || rest[end] !== ' ')) {
      if (rest[end] === '"') inside = !inside;
      end += 1;
    }
    let word = rest.slice(0, end);
    const equals = word.indexOf('=', 1);
    if (quoted && word.endsWith('"')) word = word.slice(0, -1);
    let value = equals === -1 ? undefined : word.slice(equals + 1);
    if (value?.startsWith('"')) value = value.slice(1, value.endsWith('"') ? -1 : undefined);
    found.push(value === undefined ? [word] : [word.slice(0, equals), value]);
    rest = rest.slice(end).trimStart();
  }
  return found;
}

/** iPXE: the words of a line, which is one command only if none is a separator or comment and nothing is expanded. */
function lexIpxe(line: string): string[] {
  return line.split(/\s+/).filter((word) => word !== '');
}

const hostile = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 30 }),
  fc.string({ maxLength: 30 }),
  fc
    .array(
      fc.constantFrom(
        ' ',
        '  ',
        '"',
        "'",
        '\\',
        '\n',
        '\r',
        '\u0000',
        '||',
        '&&',
        ';',
        '#',
        '$',
        '$\u007b',
        '}',
        '`',
        '=',
        'a',
        'reboot',
        'LABEL x',
        '../',
        '|',
        '\t',
        'é',
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

/** Splits a text into the words that decide what is run: the first of each command, and where commands end. */
function commandsOf(path: string, text: string): string[] {
  if (path.startsWith('grub')) return lexGrub(text).map((command) => command.slice(0, 2)[0] ?? '');
  return text.split(/[\n\r]/).map((line) => {
    const words = lexIpxe(line);
    if (!path.startsWith('ipxe')) return words[0] ?? '';
    if (words[0]?.startsWith('#')) return '#';
    const separators = words.filter((word) => /^(?:\|\||&&|;|#.*)$/.test(word) || word.includes('$\u007b'));
    return [words[0], ...separators].join(' ');
  });
}

test('no value of a machine or the configuration adds a command in any language', () => {
  const paths = ['pxelinux.cfg/default', 'grub/grub.cfg', 'ipxe.cfg'];
  const benign = { hostname: 'a', domain: 'a', systemId: 'a', release: 'a', kernelParams: 'a' };
  const purposes = ['commissioning', 'install', 'local', 'poweroff'] as const;
  const fields = fc.record({
    hostname: hostile,
    domain: hostile,
    systemId: hostile,
    release: hostile,
    kernelParams: hostile,
    architecture: fc.oneof(hostile, fc.constant('amd64')),
    subarchitecture: hostile,
  });
  const render = (path: string, purpose: (typeof purposes)[number], values: object, everything: boolean) => {
    const context = assetContext({ machines: [machine(purpose, values)], lease: MACS[purpose] });
    const asset = resolveBootAsset({ path, peer: PEER, local: RACK }, { ...context, hasFile: () => everything });
    assert.ok(asset.kind === 'rendered');
    assert.doesNotMatch(asset.text, /[^\n\x20-\x7e]/);
    return asset;
  };
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.constantFrom(...purposes), fields, (path, purpose, values) => {
      const asset = render(path, purpose, values, true);
      const shapes = [
        render(path, purpose, benign, true),
        render(path, purpose, { ...benign, architecture: 'riscv64' }, true),
        render(path, 'commissioning', benign, false),
      ];
      const commands = JSON.stringify(commandsOf(path, asset.text));
      assert.ok(
        shapes.some((shape) => JSON.stringify(commandsOf(path, shape.text)) === commands),
        `${asset.purpose}: ${JSON.stringify(asset.text)}`,
      );
    }),
    { numRuns: 500 },
  );
});

test('storable arguments reach the kernel unchanged through every loader', () => {
  const word = fc.string({ minLength: 1, maxLength: 12 });
  const params = fc
    .array(fc.tuple(word, fc.option(word), fc.boolean()), { maxLength: 6 })
    .map((words) => words.map(([a, b, q]) => (b === null ? a : q ? `${a}="${b}"` : `${a}=${b}`)).join(' '));
  let stored = 0;
  fc.assert(
    fc.property(params, (text) => {
      const parsed = parseKernelParams(text);
      if (refuseKernelParams(text) !== undefined || !parsed.ok) return;
      stored += 1;
      const expected = kernelArguments(parsed.words.map(writeKernelWord).join(' '));
      const byPxelinux = parsed.words.map(quotePxelinux).join(' ');
      const byGrub = grubKernelLine(lexGrub(`linux ${parsed.words.map(quoteGrub).join(' ')}`)[0]?.slice(1) ?? []);
      const byIpxe = lexIpxe(parsed.words.map(quoteIpxe).join(' ')).join(' ');
      // Words of nothing but space are left out.
      const written = kernelArguments(text).filter(([name]) => name?.trim() !== '');
      assert.deepEqual(written, expected, 'as written');
      assert.deepEqual(kernelArguments(byPxelinux), expected, 'pxelinux');
      assert.deepEqual(kernelArguments(byGrub), expected, 'GRUB');
      assert.deepEqual(kernelArguments(byIpxe), expected, 'iPXE');
    }),
    { numRuns: 3000, examples: [['"= "'], ['"=a b" quiet'], ['"==a b"']] },
  );
  assert.ok(stored > 100, `only ${stored} could be stored`);
});

test('each quoting function refuses characters that end a line', () => {
  for (const quote of [quotePxelinux, quoteGrub, quoteIpxe]) {
    for (const word of ['a\nb', 'a\rb', 'a\u0000', '', 'é', '"']) assert.throws(() => quote(word), Unquotable);
  }
});
