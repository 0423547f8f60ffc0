// The table of `rackboot createadmin`, `apikey`, `page`, `users`, `tags` and `password`.

import { group, row } from '../terminal/command-table.ts';
import { config, flag, json, machineList, named, option, text, yes } from '../terminal/shared-options.ts';

const passwordFile = option('File whose first line is the password; - reads standard input; default: ask');
const username = named('The name of the account');
const name = named('Letters, digits, - and _');
const definition = option('XPath on the hardware: the machines where it is true get the tag');
const terms = {
  comment: option('Purpose of the tag'),
  'kernel-opts': option('Kernel parameters of its machines, instead of the global ones'),
} as const;

const accounts = () => import('./accounts.ts');
const people = () => import('./people.ts');

export const PEOPLE_COMMANDS = [
  row(
    'createadmin',
    'Create an administrator of the region',
    {
      config,
      username: option('The name of the account; default: ask'),
      email: option('An e-mail address'),
      password: option('Visible in the list of processes: prefer --password-file, or the prompt'),
      'password-file': option('File whose first line is the password; - reads standard input'),
    },
    async (argv) => (await accounts()).createAdministrator(argv),
  ),
  row(
    'apikey',
    'Create an API key for a user; prints only the key',
    {
      config,
      username: { ...text, demandOption: true },
      name: { ...text, default: 'command line', describe: 'Purpose of the key' },
      list: { type: 'boolean', conflicts: 'remove', describe: "Show the user's keys instead, without their secrets" },
      remove: option('Remove this key instead: its second part, as --list shows it'),
    },
    async (argv) => (await accounts()).printApiKey(argv),
  ),
  group('users', 'Accounts of people', [
    row(['list', '$0'], 'List accounts', { config, json }, async (argv) => (await people()).listUsers(argv)),
    row(
      'add <username>',
      'Create an account',
      {
        username,
        config,
        json,
        email: { ...text, default: '', describe: 'An e-mail address' },
        admin: flag('Make the user an administrator, who may do everything'),
        'password-file': passwordFile,
      },
      async (argv) => (await people()).addUser(argv),
    ),
    row(
      'remove <username>',
      'Remove an account and its keys, unless it owns machines',
      { username, config, json, yes },
      async (argv) => (await people()).removeUser(argv),
    ),
  ]),
  row(
    'password <username>',
    'Set the password of an account, and sign its browsers out',
    { username, config, 'password-file': passwordFile },
    async (argv) => (await accounts()).resetPassword(argv),
  ),
  row(
    'page [username]',
    'Print a link that signs your browser in to the page, once',
    { username: { type: 'string', describe: 'The account; default: the only administrator' }, config },
    async (argv) => (await people()).printPageLink(argv),
  ),
  group('tags', 'Tags of machines, with their kernel parameters', [
    row(['list', '$0'], 'List tags', { config, json }, async (argv) => (await people()).listTags(argv)),
    row('add <name>', 'Create a tag', { name, config, json, ...terms }, async (argv) => (await people()).addTag(argv)),
    row(
      'set <name>',
      'Change a tag; empty text clears what it has',
      { name, config, json, rename: option('Its new name'), ...terms, definition },
      async (argv) => (await people()).changeTag(argv),
    ),
    row('remove <name>', 'Remove a tag; its machines lose it', { name, config, json }, async (argv) =>
      (await people()).removeTag(argv),
    ),
    row(
      'update-nodes <name>',
      'Add a tag to machines, or remove it from them',
      {
        name,
        config,
        json,
        add: { ...machineList, describe: 'A machine to tag: system id, hostname or hardware address (repeat)' },
        remove: { ...machineList, describe: 'A machine to untag (repeat)' },
      },
      async (argv) => (await people()).tagMachines(argv),
    ),
  ]),
];
