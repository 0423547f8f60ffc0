// The table of `rackboot createadmin`, `apikey`, `page`, `users`, `tags` and `password`.

import type { Where } from '../terminal/asking.ts';
import { group, row } from '../terminal/command-table.ts';
import { form } from '../terminal/form.ts';
import { config, flag, json, machineList, option, requiredArgument, text, yes } from '../terminal/shared-options.ts';

const passwordFile = option('File whose first line is the password; - reads standard input; default: ask');
const username = requiredArgument('The name of the account');
const name = requiredArgument('Letters, digits, - and _');
const definition = option('XPath on the hardware: the machines where it is true get the tag');
const tagOptions = {
  comment: option('Purpose of the tag'),
  'kernel-opts': option('Kernel parameters of its machines, instead of the global ones'),
} as const;

const tag = {
  ...name,
  finder: {
    find: async (where: Where, wanted: string) => (await people()).findTag(where, wanted),
    id: 'name',
  },
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
    accounts,
    'createAdministrator',
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
    accounts,
    'printApiKey',
  ),
  group('users', 'Accounts of people', [
    form(
      ['list', '$0'],
      'List accounts',
      { config, json },
      { ask: ['GET', 'users/'], say: async (_, answer) => (await people()).usersText(answer) },
    ),
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
      people,
      'addUser',
    ),
    form(
      'remove <username>',
      'Remove an account and its keys, unless it owns machines',
      {
        username: {
          ...username,
          finder: {
            find: async (where: Where, wanted: string) => (await people()).findUser(where, wanted),
            id: 'username',
          },
        },
        config,
        json,
        yes,
      },
      {
        ask: ['DELETE', 'users/{username}/'],
        confirm: ({ username: { username: name } }) => `Remove the account ${name}, with its API keys and SSH keys?`,
        say: ({ username: { username: name } }) => `The account ${name} is removed.`,
      },
    ),
  ]),
  row(
    'password [username]',
    'Set the password of an account, and sign its browsers out',
    {
      username: { type: 'string', describe: 'The name of the account; also --username, as createadmin has it' },
      config,
      'password-file': passwordFile,
    },
    accounts,
    'resetPassword',
  ),
  row(
    'page [username]',
    'Print a link that signs your browser in to the page, once',
    { username: { type: 'string', describe: 'The account; default: the only administrator' }, config },
    people,
    'printPageLink',
  ),
  group('tags', 'Tags of machines, with their kernel parameters', [
    row(['list', '$0'], 'List tags', { config, json }, people, 'listTags'),
    form(
      'add <name>',
      'Create a tag',
      { name, config, json, ...tagOptions },
      {
        ask: ['POST', 'tags/'],
        fields: { name: 'name', kernel_opts: 'kernel-opts' },
        say: ({ name: made }) =>
          `The tag ${made} is created. rackboot tags update-nodes ${made} --add MACHINE adds it to a machine.`,
      },
    ),
    form(
      'set <name>',
      'Change a tag; empty text clears what it has',
      { name: tag, config, json, rename: option('Its new name'), ...tagOptions, definition },
      {
        ask: ['PUT', 'tags/{name}/'],
        fields: { name: 'rename', kernel_opts: 'kernel-opts', definition: 'definition' },
        mustChange: '--rename, --comment, --kernel-opts or --definition',
        say: ({ name: changed, rename }) =>
          `The tag ${changed.name} is changed${rename === undefined ? '' : `, and now called ${rename}`}.`,
      },
    ),
    form(
      'remove <name>',
      'Remove a tag; its machines lose it',
      { name: tag, config, json },
      {
        ask: ['DELETE', 'tags/{name}/'],
        say: ({ name: gone }) => `The tag ${gone.name} is removed.`,
      },
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
      people,
      'tagMachines',
    ),
  ]),
];
