// The commands of MAAS's name, installed by the very lines of docs/maas-clients.md, in a directory that stands for /usr/local/bin.

import { execFileSync } from 'node:child_process';
import { commandsOf, partsOf, readDocument } from '../documents/markdown.ts';

const PLACE = '/usr/local/bin/';

/** Runs the shown lines. @param bin has `rackboot` and `sudo`, and is the first directory of `path` */
export function installMaasWrapper(bin: string, path: string): void {
  const lines = partsOf(readDocument('docs/maas-clients.md'))
    .flatMap((part) => (part.kind === 'block' && part.language === 'sh' ? commandsOf(part) : []))
    .map(({ command }) => command)
    .filter((command) => / \/usr\/local\/bin\/maas\S*$/.test(command) && !command.startsWith('sudo rm '));
  if (lines.length === 0) throw new Error('the page no longer installs a command called maas');
  for (const line of lines)
    execFileSync('sh', ['-ec', line.replaceAll(PLACE, `${bin}/`)], { env: { ...process.env, PATH: path } });
}
