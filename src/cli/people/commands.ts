// The table of `rackboot createadmin`, `apikey`, `page`, `users`, `tags` and `password`.

import type { Argv } from 'yargs';
import { type SharedOptions, yes } from '../terminal/shared-options.ts';

type Finish = (code: number) => void;

const text = { type: 'string', requiresArg: true } as const;
const passwordFile = {
  ...text,
  describe: 'File whose first line is the password; - reads standard input; default: ask',
} as const;
const user = { type: 'string', demandOption: true, describe: 'The name of the account' } as const;
const definition = { ...text, describe: 'XPath on the hardware: the machines where it is true get the tag' } as const;
const tag = { type: 'string', demandOption: true, describe: 'Letters, digits, - and _' } as const;

/** Adds the commands about accounts and about tags of machines to a command line. */
export function peopleCommands<T>(parser: Argv<T>, shared: SharedOptions, finish: Finish) {
  const { config } = shared;
  return accountCommands(parser, shared, finish)
    .command('users', 'Accounts of people', (command) => userCommands(command, shared, finish))
    .command(
      'password <username>',
      'Set the password of an account, and sign its browsers out',
      (command) => command.positional('username', user).options({ config, 'password-file': passwordFile }),
      async (argv) => {
        const { resetPassword } = await import('./accounts.ts');
        finish(await resetPassword(argv));
      },
    )
    .command(
      'page [username]',
      'Print a link that signs your browser in to the page, once',
      (command) =>
        command
          .positional('username', { type: 'string', describe: 'The account; default: the only administrator' })
          .options({ config }),
      async (argv) => {
        const { printPageLink } = await import('./people.ts');
        finish(await printPageLink(argv));
      },
    )
    .command('tags', 'Tags of machines, with their kernel parameters', (command) =>
      tagCommands(command, shared, finish),
    );
}

function accountCommands<T>(parser: Argv<T>, { config }: SharedOptions, finish: Finish) {
  return parser
    .command(
      'createadmin',
      'Create an administrator of the region',
      {
        config,
        username: { ...text, describe: 'The name of the account; default: ask' },
        email: { ...text, describe: 'An e-mail address' },
        password: { ...text, describe: 'Visible in the list of processes: prefer --password-file, or the prompt' },
        'password-file': { ...text, describe: 'File whose first line is the password; - reads standard input' },
      },
      async (argv) => {
        const { createAdministrator } = await import('./accounts.ts');
        finish(await createAdministrator(argv));
      },
    )
    .command(
      'apikey',
      'Create an API key for a user; prints only the key',
      {
        config,
        username: { ...text, demandOption: true },
        name: { ...text, default: 'command line', describe: 'Purpose of the key' },
        list: { type: 'boolean', conflicts: 'remove', describe: "Show the user's keys instead, without their secrets" },
        remove: { ...text, describe: 'Remove this key instead: its second part, as --list shows it' },
      },
      async (argv) => {
        const { printApiKey } = await import('./accounts.ts');
        finish(await printApiKey(argv));
      },
    );
}

function userCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  return command
    .command(['list', '$0'], 'List accounts', { config, json }, async (argv) => {
      const { listUsers } = await import('./people.ts');
      finish(await listUsers(argv));
    })
    .command(
      'add <username>',
      'Create an account',
      (add) =>
        add.positional('username', user).options({
          config,
          json,
          email: { ...text, default: '', describe: 'An e-mail address' },
          admin: { type: 'boolean', default: false, describe: 'Make the user an administrator, who may do everything' },
          'password-file': passwordFile,
        }),
      async (argv) => {
        const { addUser } = await import('./people.ts');
        finish(await addUser(argv));
      },
    )
    .command(
      'remove <username>',
      'Remove an account and its keys, unless it owns machines',
      (remove) => remove.positional('username', user).options({ config, json, yes }),
      async (argv) => {
        const { removeUser } = await import('./people.ts');
        finish(await removeUser(argv));
      },
    )
    .strict();
}

function tagCommands<T>(command: Argv<T>, { config, json }: SharedOptions, finish: Finish) {
  const machines = { type: 'string', array: true, requiresArg: true } as const;
  const terms = {
    comment: { ...text, describe: 'Purpose of the tag' },
    'kernel-opts': { ...text, describe: 'Kernel parameters of its machines, instead of the global ones' },
  } as const;
  return command
    .command(['list', '$0'], 'List tags', { config, json }, async (argv) => {
      const { listTags } = await import('./people.ts');
      finish(await listTags(argv));
    })
    .command(
      'add <name>',
      'Create a tag',
      (add) => add.positional('name', tag).options({ config, json, ...terms }),
      async (argv) => {
        const { addTag } = await import('./people.ts');
        finish(await addTag(argv));
      },
    )
    .command(
      'set <name>',
      'Change a tag; empty text clears what it has',
      (set) =>
        set
          .positional('name', tag)
          .options({ config, json, rename: { ...text, describe: 'Its new name' }, ...terms, definition }),
      async (argv) => {
        const { changeTag } = await import('./people.ts');
        finish(await changeTag(argv));
      },
    )
    .command(
      'remove <name>',
      'Remove a tag; its machines lose it',
      (remove) => remove.positional('name', tag).options({ config, json }),
      async (argv) => {
        const { removeTag } = await import('./people.ts');
        finish(await removeTag(argv));
      },
    )
    .command(
      'update-nodes <name>',
      'Add a tag to machines, or remove it from them',
      (update) =>
        update.positional('name', tag).options({
          config,
          json,
          add: { ...machines, describe: 'A machine to tag: system id, hostname or hardware address (repeat)' },
          remove: { ...machines, describe: 'A machine to untag (repeat)' },
        }),
      async (argv) => {
        const { tagMachines } = await import('./people.ts');
        finish(await tagMachines(argv));
      },
    )
    .strict();
}
