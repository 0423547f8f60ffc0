// What is inside a package of Rackboot: the licence of each part, as Debian's copyright file, and a bill of materials.
//
// Sources: Debian's machine-readable copyright file 1.0; CycloneDX 1.5, ECMA-424; package-url.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { directoryOf, findPinned, type PinnedPackage, pinnedPackages } from './pinned.ts';
import { PACKAGE, type Release } from './release.ts';

const LICENCE_FILE = /^licen[cs]e/i;
/** The first three groups of digits of an UUID, the variant's and the last one, of a hash. */
const UUID = /^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/;

/** All of the lock that can be in a package: of what is for some hosts only, Node and koffi's native code; of what may be absent, a part of pg. */
const partsInside = (): readonly PinnedPackage[] =>
  pinnedPackages().filter(
    ({ name, isOptional }) =>
      !isOptional || /^(?:pg-cloudflare|(?:node|@koromix\/koffi)-linux-(?:x64|arm64))$/.test(name),
  );

/** Lines of a field's text. */
const indented = (text: string): string =>
  text
    .trim()
    .split('\n')
    .map((line) => (line.trim() === '' ? ' .' : ` ${line.trimEnd()}`))
    .join('\n');

/** Debian has it in /usr/share/common-licenses. */
const COMMON = 'Apache-2.0';
const commonText = (licence: string): string =>
  `On Debian systems the text of this licence is in /usr/share/common-licenses/${licence}.`;

function licenceText(name: string): string {
  if (findPinned(name).licence === COMMON) return commonText(COMMON);
  const directory = directoryOf(name);
  const [file] = readdirSync(directory)
    .filter((each) => LICENCE_FILE.test(each))
    .sort();
  if (file !== undefined) return readFileSync(join(directory, file), 'utf8');
  return `The package ${name} has no file of its licence, ${findPinned(name).licence}.`;
}

/** Debian's copyright file. */
export function copyrightText(maintainer: string): string {
  const texts = new Map<string, string[]>();
  for (const { name, version, licence } of partsInside()) {
    const key = `${licence}\n${licenceText(name)}`;
    texts.set(key, [...(texts.get(key) ?? []), `${name} ${version}`]);
  }
  const parts = [...texts].map(([key, names], index) => {
    const [licence = '', ...lines] = key.split('\n');
    const short = `${licence.replaceAll(/[^\w.+-]+/g, '-')}-${index + 1}`;
    const holders = lines.filter((line) => /copyright (?:\(c\)|©|\d)/i.test(line)).map((line) => line.trim());
    return [
      `Files: ${names.map((name) => `${name.replace(/ .*/, '').replace(/^@[^/]*\//, '')}/*`).join(' ')}`,
      `Copyright: ${[...new Set(holders)].slice(0, 20).join('\n           ') || `the authors of ${names.join(', ')}`}`,
      `License: ${short}`,
      `Comment: ${names.join(', ')}, which dist/ and the directory of Node have a part of`,
      '',
      `License: ${short}`,
      indented(lines.join('\n')),
    ].join('\n');
  });
  return [
    'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Rackboot',
    `Files: *\nCopyright: the authors of Rackboot, ${maintainer}\nLicense: ${PACKAGE.license}`,
    `License: ${PACKAGE.license}\n ${commonText(PACKAGE.license)}`,
    ...parts,
    '',
  ].join('\n\n');
}

const urlOf = ({ name, version }: Pick<PinnedPackage, 'name' | 'version'>): string =>
  `pkg:npm/${name.replace('@', '%40')}@${version}`;

function componentOf(part: PinnedPackage): object {
  const [algorithm = '', hash = ''] = part.integrity.split('-');
  return {
    type: 'library',
    'bom-ref': urlOf(part),
    name: part.name,
    version: part.version,
    purl: urlOf(part),
    licenses: [part.licence.includes(' ') ? { expression: part.licence } : { license: { id: part.licence } }],
    hashes: [
      { alg: algorithm.toUpperCase().replace('SHA', 'SHA-'), content: Buffer.from(hash, 'base64').toString('hex') },
    ],
  };
}

/** The bill of materials in the form of CycloneDX. Made by the packaged Node, it names the libraries that this Node was linked with. */
export function billOfMaterials({ version, commit, epoch }: Release): string {
  const own = { name: PACKAGE.name, version };
  const { node = '', ...linked } = process.versions;
  const components = [
    ...partsInside().map(componentOf),
    {
      type: 'platform',
      'bom-ref': 'node',
      name: 'node',
      version: node,
      purl: `pkg:generic/node@${node}`,
      licenses: [{ license: { id: 'MIT' } }],
    },
    ...Object.entries(linked)
      .filter(([, linkedVersion]) => linkedVersion?.includes('.'))
      .map(([name, linkedVersion]) => ({
        type: 'library',
        'bom-ref': `node/${name}`,
        name,
        version: linkedVersion,
        purl: `pkg:generic/${name}@${linkedVersion}`,
      })),
  ];
  const references = components.map((one) => String(Object.entries(one).find(([key]) => key === 'bom-ref')?.[1]));
  const ofNode = references.filter((reference) => reference.startsWith('node/'));
  const serial = createHash('sha256')
    .update(JSON.stringify([commit, components]))
    .digest('hex');
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${serial.replace(UUID, '$1-$2-5$3-a$4-$5')}`,
    version: 1,
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': urlOf(own),
        ...own,
        purl: urlOf(own),
        licenses: [{ license: { id: PACKAGE.license } }],
        properties: [{ name: 'commit', value: commit }],
      },
    },
    components,
    dependencies: [
      { ref: urlOf(own), dependsOn: references.filter((reference) => !reference.startsWith('node/')) },
      { ref: 'node', dependsOn: ofNode },
    ],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}
