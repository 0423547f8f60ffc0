// The tables of the commands that move machines through their life, and of `rackboot sshkeys`.

import type { Argv } from 'yargs';
import { type SharedOptions, yes } from '../shared-options.ts';
import { loginCommands } from './login-commands.ts';
import { runCommands } from './script-commands.ts';

const ANY_NAME = 'Its system id, hostname or hardware address';
const text = { type: 'string', requiresArg: true } as const;
const machine = { type: 'string', demandOption: true, describe: ANY_NAME } as const;
const comment = { ...text, describe: 'Why, for the event log' };

/** Commands that take nothing but a machine: name, operation, and what it is for. */
const PLAIN = [
  ['abort', 'abort', 'End what a machine is doing, and go back to where it was'],
  ['broken', 'mark_broken', 'Mark a machine as broken, so that nothing uses it'],
  ['fixed', 'mark_fixed', 'Mark a broken machine as fixed'],
  ['lock', 'lock', 'Lock a machine: no command changes its state; power and debug-login stay allowed'],
  ['unlock', 'unlock', 'Unlock a machine'],
  ['missing', 'mark_missing', 'Mark a machine as missing: it is not there, and nothing uses it'],
  ['exit-rescue', 'exit_rescue_mode', 'End the rescue of a machine'],
  ['override-failed', 'override_failed_testing', 'Use a machine although its tests failed'],
  ['retire', 'retire', 'Put a machine out of use, and keep its records'],
  ['reinstate', 'reinstate', 'Make a retired or missing machine New again'],
] as const;

/** Adds the commands of the life of machines to `machines`, in the order of that life. */
export function lifeCommands<T>(command: Argv<T>, shared: SharedOptions, finish: (code: number) => void) {
  const ready = runCommands(acceptCommand(command, shared, finish), shared, finish);
  const held = loginCommands(heldCommands(ready, shared, finish), shared, finish);
  return recordCommands(plainCommands(held, shared, finish), shared, finish);
}

function acceptCommand<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command.command(
    'accept <machine>',
    'Accept a New machine: it is measured at its next start, and Ready then',
    (accept) =>
      accept.positional('machine', machine).options({
        config,
        json,
        comment,
        'skip-commissioning': { type: 'boolean', default: false, describe: 'Ready at once, unmeasured' },
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
        // What fits a state is told by the names of operations: they are taken, too.
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

/** What is known of a machine: its name, and that it is known at all. */
function recordCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  return command
    .command(
      'rename <machine> <name>',
      'Give a machine another hostname; DNS has it at once, the old one no more',
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
      'Forget a machine: should it start again, it enlists as a new one',
      (remove) =>
        remove.positional('machine', machine).options({
          config,
          json,
          yes,
          force: { type: 'boolean', default: false, describe: 'Also when somebody holds it, or it is at work' },
        }),
      async (argv) => {
        const { removeMachine } = await import('./life.ts');
        finish(await removeMachine(argv));
      },
    );
}

/** Taking machines, using them, giving them back. */
function heldCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: (code: number) => void) {
  const address = { ...text, describe: 'The address that it gets; default: a free one of the static range' };
  return command
    .command(
      'allocate [machine]',
      'Take a Ready machine: this one, or the first that meets the conditions',
      (allocate) =>
        allocate.positional('machine', { type: 'string', describe: ANY_NAME }).options({
          config,
          json,
          comment,
          address,
          arch: { ...text, describe: 'amd64, or amd64/generic' },
          cpus: { type: 'number', requiresArg: true, describe: 'At least so many processors' },
          memory: { type: 'number', requiresArg: true, describe: 'At least so much memory, in MiB' },
          tag: { type: 'string', array: true, describe: 'A tag that it must have (repeat)' },
        }),
      async (argv) => {
        const { allocateMachine } = await import('./life.ts');
        finish(await allocateMachine(argv));
      },
    )
    .command(
      'deploy <machine> <system>',
      'Put a system onto the disk of a machine: debian/trixie, or trixie',
      (deploy) =>
        deploy
          .positional('machine', machine)
          .positional('system', { type: 'string', demandOption: true, describe: 'As `rackboot images list` shows it' })
          .options({
            config,
            json,
            comment,
            address,
            by: {
              choices: ['image', 'installer'] as const,
              default: 'image' as const,
              describe: "Write an image, or run the distribution's own installer by a preseed",
            },
            disk: {
              ...text,
              describe: 'The disk to write, such as sda; default: the smallest that holds the image, USB last',
            },
            'user-data': { ...text, describe: 'A file that cloud-init runs at the first start' },
          }),
      async (argv) => {
        const { deployMachine } = await import('./life.ts');
        finish(await deployMachine(argv));
      },
    )
    .command(
      'release <machine>',
      'Give a machine back, with its address and its name in DNS',
      (release) =>
        release.positional('machine', machine).options({
          config,
          json,
          comment,
          erase: { choices: ['signatures', 'all'] as const, describe: 'Erase its disks before' },
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
  const username = { ...text, describe: 'Whose; default: the local administrator, as who this command acts' };
  return parser.command('sshkeys', 'The keys by which people log in to the machines they deploy', (command) =>
    command
      .command(['list', '$0'], 'List keys', { config, json, username }, async (argv) => {
        const { listSshKeys } = await import('./ssh-keys.ts');
        finish(await listSshKeys(argv));
      })
      .command(
        'add <file>',
        'Add the public keys of a file, one a line',
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
            .positional('id', { type: 'number', demandOption: true, describe: 'As `rackboot sshkeys list` shows it' })
            .options({ config, json, username }),
        async (argv) => {
          const { removeSshKey } = await import('./ssh-keys.ts');
          finish(await removeSshKey(argv));
        },
      )
      .strict(),
  );
}
