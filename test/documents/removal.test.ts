// docs/upgrade.md removes everything that docs/first-machine.md and the unit put onto a host.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandsOf, partsOf, readDocument } from './markdown.ts';

/** The commands of one section of a page. */
function commandsOfSection(path: string, title: string): string[] {
  const section = readDocument(path)
    .split(/^## /m)
    .find((text) => text.startsWith(`${title}\n`));
  assert.ok(section !== undefined, `${path} has no ${title}`);
  return partsOf(section).flatMap((part) =>
    part.kind === 'block' && part.language === 'sh' ? commandsOf(part).map(({ command }) => command) : [],
  );
}

/** The files that `install` and `ln` create; for a directory, with the name of the installed file. */
function installed(commands: readonly string[]): string[] {
  return commands.flatMap((command) => {
    const [, source = '', target = ''] = /^sudo (?:install -m \d+|ln -sf) (\S+) (\/\S+)$/.exec(command) ?? [];
    if (target === '') return [];
    return [target.endsWith('/') ? `${target}${source.split('/').at(-1)}` : target];
  });
}

/** The directories that unit and tmpfiles make. */
function made(): string[] {
  const unit = readDocument('systemd/rackboot.service');
  const place = (key: string, above: string): string =>
    `${above}/${new RegExp(`^${key}=(\\S+)$`, 'm').exec(unit)?.[1] ?? assert.fail(key)}`;
  const others = [...readDocument('systemd/rackboot.tmpfiles.conf').matchAll(/^d (\S+)/gm)].map(
    ([, path = '']) => path,
  );
  return [place('StateDirectory', '/var/lib'), place('LogsDirectory', '/var/log'), ...others];
}

test('the removal removes every file, directory and user that the installation made', () => {
  const files = installed(commandsOfSection('docs/first-machine.md', 'Install the rack'));
  assert.equal(files.length, 4, files.join(' '));
  const removal = commandsOfSection('docs/upgrade.md', 'Uninstall');
  const removed = removal.flatMap((command) => (/^sudo rm (?:-rf )?(.*)$/.exec(command)?.[1] ?? '').split(' '));
  const left = [...files, ...made(), '/var/cache/rackboot'].filter(
    (path) => !removed.some((one) => one !== '' && (path === one || path.startsWith(`${one}/`))),
  );
  assert.deepEqual(left, []);
  const user = /^u (\S+)/m.exec(readDocument('systemd/rackboot.sysusers.conf'))?.[1];
  assert.ok(removal.some((command) => command.endsWith(`userdel ${user}`)));
  assert.equal(removal[0], 'sudo systemctl disable --now rackboot');
});
