// `npm run package [-- --arch ARCHITECTURE …] [--out DIR] [--repository DIR [--key KEY]]`: makes what is published of a release, by default for
// the host's architecture.
//
//   bin/build.js ─→ the payload ─┬─→ rackboot_VERSION_ARCHITECTURE.deb, one an architecture ─→ a repository of apt
//                                └─→ rackboot-VERSION.tgz for npm
//   and rackboot-VERSION.cdx.json, the bill of materials; SHA256SUMS
//
// 1. The same commit gives the same bytes, wherever and whenever it is packaged.
// 2. Programs, the signer's key and the words of the command are checked before the first step, which would otherwise be minutes of work lost.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { errorText, RackError } from '../src/ground/errors.ts';
import { type NeededProgram, requirePrograms } from '../src/images/content/needed-programs.ts';
import { ARCHITECTURE_NAMES, hostArchitecture, makeDebianPackage, packageTools } from './debian-package.ts';
import { billOfMaterials, copyrightText } from './licences.ts';
import { copyOwn, makePayload } from './payload.ts';
import { readRelease } from './release.ts';
import { addToRepository, fingerprintOf, repositoryTools } from './repository.ts';

/** What the tarball has besides, for a person who unpacks it. */
const DOCUMENTS = ['config', 'systemd', 'docs', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE'];

function makeTarball(payload: string, scratch: string, out: string, maintainer: string): string {
  const directory = join(scratch, 'npm');
  cpSync(payload, directory, { recursive: true });
  for (const name of DOCUMENTS) copyOwn(name, join(directory, name));
  writeFileSync(join(directory, 'COPYRIGHT'), copyrightText(maintainer));
  execFileSync('chmod', ['-R', 'u=rwX,go=rX', directory]);
  const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', out];
  return join(out, execFileSync('npm', words, { cwd: directory, encoding: 'utf8' }).trim());
}

/** What the steps before the packages run. */
const PROGRAMS: readonly NeededProgram[] = [
  { program: 'git', package: 'git' },
  { program: 'npm', package: 'npm' },
  { program: 'tar', package: 'tar' },
];

/** A line as each step begins: the whole takes minutes. Standard output has the names of the files only. */
const onStep = (text: string): void => console.error(text);

async function packageRelease(args: readonly string[]): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      out: { ...text, default: 'packages' },
      arch: { ...text, multiple: true, default: [hostArchitecture()] },
      repository: text,
      key: text,
    },
  });
  const unknown = values.arch.find((name) => !ARCHITECTURE_NAMES.some((known) => known === name));
  if (unknown !== undefined)
    throw new RackError('bad-argument', `--arch ${unknown}: it is ${ARCHITECTURE_NAMES.join(' or ')}`);
  const architectures = ARCHITECTURE_NAMES.filter((name) => values.arch.includes(name));
  requirePrograms('Packaging', [
    ...PROGRAMS,
    ...packageTools(architectures),
    ...(values.repository === undefined ? [] : repositoryTools(values.key)),
  ]);
  const signer = values.key === undefined ? undefined : fingerprintOf(values.key);
  const out = resolve(values.out);
  const release = readRelease();
  const scratch = mkdtempSync(join(tmpdir(), 'rackboot-packages-'));
  try {
    mkdirSync(out, { recursive: true });
    const payload = join(scratch, 'payload');
    onStep('Building dist/');
    makePayload(payload, release);
    const packages: string[] = [];
    for (const architecture of architectures) {
      onStep(`Packing for Debian, ${architecture}`);
      packages.push(await makeDebianPackage(architecture, { release, payload, scratch, out }));
    }
    onStep('Packing for npm');
    makeTarball(payload, scratch, out, release.maintainer);
    writeFileSync(join(out, `rackboot-${release.version}.cdx.json`), billOfMaterials(release));
    const files = globSync(`rackboot[-_]${release.version}*`, { cwd: out }).sort();
    const sums = files.map(
      (name) =>
        `${createHash('sha256')
          .update(readFileSync(join(out, name)))
          .digest('hex')}  ${name}\n`,
    );
    writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
    if (values.repository !== undefined) {
      onStep(`Adding the packages to ${values.repository}`);
      addToRepository(resolve(values.repository), packages, signer);
    }
    for (const name of [...files, 'SHA256SUMS']) console.log(join(values.out, name));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

// What a user sets for himself changes no byte, and no package or repository is for him alone.
process.umask(0o022);
process.env.LC_ALL = 'C.UTF-8';
await packageRelease(process.argv.slice(2)).catch((error: unknown) => {
  console.error(`package: ${errorText(error)}`);
  process.exitCode = 1;
});
