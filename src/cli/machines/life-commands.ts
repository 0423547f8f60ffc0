// The tables of `rackboot sshkeys` and of the commands that move machines through their life cycle.

import type { Argv } from 'yargs';
import { ANY_NAME, machine, numberNamed, type SharedOptions, yes } from '../terminal/shared-options.ts';
import { loginCommands } from './login-commands.ts';
import { runCommands } from './script-commands.ts';

const text = { type: 'string', requiresArg: true } as const;
const comment = { ...text, describe: 'Why, for the event log' };

/** Commands that take only a machine: name, operation, description. */
const PLAIN = [
  ['abort', 'abort', "Stop a machine's current work, and return it to its former state"],
  ['broken', 'mark_broken', 'Mark a machine as broken, so that nothing uses it'],
  ['fixed', 'mark_fixed', 'Mark a broken machine as fixed'],
  ['lock', 'lock', 'Lock a machine: no command changes its state; power and debug-login stay allowed'],
  ['unlock', 'unlock', 'Unlock a machine'],
  ['missing', 'mark_missing', 'Mark a machine as missing, so that nothing uses it'],
  ['exit-rescue', 'exit_rescue_mode', 'End the rescue of a machine'],
  ['override-failed', 'override_failed_testing', 'Use a machine although its tests failed'],
  ['retire', 'retire', 'Take a machine out of use, and keep its records'],
  ['reinstate', 'reinstate', 'Make a retired or missing machine New again'],
] as const;

/** Adds the life cycle commands to `machines`, in the order of the cycle. */
export function lifeCommands<T>(command: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  const ready = runCommands(acceptCommand(command, shared, finish), shared, finish);
  const held = loginCommands(heldCommands(ready, shared, finish), shared, finish);
  return recordCommands(plainCommands(held, shared, finish), shared, finish);
}

function acceptCommand<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command.command(
    'accept <machine>',
    'Accept a New machine: its next start commissions it, then it is Ready',
    (accept) =>
      accept.positional('machine', machine).options({
        config,
        json,
        comment,
        'skip-commissioning': {
          type: 'boolean',
          default: false,
          describe: 'Make it Ready at once, without commissioning',
        },
      }),
    async (argv) => {
      const { commandMachine } = await import('./life.ts');
      finish(await commandMachine(argv, 'accept', { skip_commissioning: String(argv.skipCommissioning) }));
    },
  );
}

function plainCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return PLAIN.reduce(
    (all, [name, op, describe]) =>
      all.command(
        // Refusals list the operations that fit a state by their API names, so those names work as well.
        [`${name} <machine>`, ...(op.replaceAll('_', '-') === name ? [] : [op.replaceAll('_', '-')])],
        describe,
        (plain) => plain.positional('machine', machine).options({ config, json, comment }),
        async (argv) => {
          const { commandMachine } = await import('./life.ts');
          finish(await commandMachine(argv, op, {}));
        },
      ),
    command,
  );
}

/** Commands that rename or remove a machine. */
function recordCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'rename <machine> <name>',
      'Give a machine another hostname; DNS replaces the old one at once',
      (rename) =>
        rename
          .positional('machine', machine)
          .positional('name', { type: 'string', demandOption: true, describe: 'Letters, digits and hyphens' })
          .options({ config, json }),
      async (argv) => {
        const { renameMachine } = await import('./life.ts');
        finish(await renameMachine(argv));
      },
    )
    .command(
      'remove <machine>',
      'Forget a machine; if it boots again, it enlists as a new one',
      (remove) =>
        remove.positional('machine', machine).options({
          config,
          json,
          yes,
          force: { type: 'boolean', default: false, describe: 'Even if the machine has an owner or is busy' },
        }),
      async (argv) => {
        const { removeMachine } = await import('./life.ts');
        finish(await removeMachine(argv));
      },
    );
}

const kernel = {
  ...text,
  describe: "The kernel of an imported system, such as hwe-24.04; default: the release's own",
} as const;

/** Commands that allocate, deploy and release machines. */
function heldCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const address = { ...text, describe: 'Its address; default: a free one of the static range' };
  return command
    .command(
      'allocate [machine]',
      'Allocate a Ready machine: this one, or the first that meets the conditions',
      (allocate) =>
        allocate.positional('machine', { type: 'string', describe: ANY_NAME }).options({
          config,
          json,
          comment,
          address,
          arch: { ...text, describe: 'amd64, or amd64/generic' },
          cpus: { ...numberNamed('--cpus', 'processors'), requiresArg: true, describe: 'Minimum number of processors' },
          memory: { ...numberNamed('--memory', 'MiB'), requiresArg: true, describe: 'Minimum memory, in MiB' },
          tag: { type: 'string', array: true, describe: 'A required tag (repeat)' },
        }),
      async (argv) => {
        const { allocateMachine } = await import('./life.ts');
        finish(await allocateMachine(argv));
      },
    )
    .command(
      'deploy <machine> <system>',
      'Deploy a system to the disk of a machine: debian/trixie, or trixie',
      (deploy) =>
        deploy
          .positional('machine', machine)
          .positional('system', { type: 'string', demandOption: true, describe: 'As images list shows it' })
          .options({
            config,
            json,
            comment,
            address,
            by: {
              choices: ['image', 'installer'] as const,
              default: 'image' as const,
              describe: "Write an image, or run the distribution's own installer with a preseed",
            },
            disk: {
              ...text,
              describe: 'The disk to write, such as sda; default: the smallest that fits the image, USB last',
            },
            kernel,
            'user-data': { ...text, describe: 'A file for cloud-init to run at the first start' },
          }),
      async (argv) => {
        const { deployMachine } = await import('./life.ts');
        finish(await deployMachine(argv));
      },
    )
    .command(
      'release <machine>',
      'Release a machine, its address and its name in DNS',
      (release) =>
        release.positional('machine', machine).options({
          config,
          json,
          comment,
          erase: { choices: ['signatures', 'all'] as const, describe: 'Erase its disks first' },
        }),
      async (argv) => {
        const { commandMachine } = await import('./life.ts');
        const quick = argv.erase === 'signatures' ? { quick_erase: 'true' } : {};
        finish(await commandMachine(argv, 'release', argv.erase === undefined ? {} : { erase: 'true', ...quick }));
      },
    );
}

/** Adds `sshkeys` to a command line. */
export function sshkeysCommand<T>(parser: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const username = { ...text, describe: 'Owner of the keys; default: the local administrator' };
  return parser.command('sshkeys', 'SSH keys with which people log in to machines they deploy', (command) =>
    command
      .command(['list', '$0'], 'List keys', { config, json, username }, async (argv) => {
        const { listSshKeys } = await import('./ssh-keys.ts');
        finish(await listSshKeys(argv));
      })
      .command(
        'add <file>',
        'Add the public keys of a file, one per line',
        (add) =>
          add
            .positional('file', { type: 'string', demandOption: true, describe: 'Such as ~/.ssh/id_ed25519.pub' })
            .options({ config, json, username }),
        async (argv) => {
          const { addSshKeys } = await import('./ssh-keys.ts');
          finish(await addSshKeys(argv));
        },
      )
      .command(
        'remove <id>',
        'Remove a key',
        (remove) =>
          remove
            .positional('id', { ...numberNamed('ID'), demandOption: true, describe: 'As sshkeys list shows it' })
            .options({ config, json, username }),
        async (argv) => {
          const { removeSshKey } = await import('./ssh-keys.ts');
          finish(await removeSshKey(argv));
        },
      )
      .strict(),
  );
}
