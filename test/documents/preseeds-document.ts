// docs/preseeds.md, made from the tables of the code: what is looked for, what templates may say, and every name that they may use.

import { join } from 'node:path';
import { FILTERS } from '../../src/region/preseed/evaluation.ts';
import { templateNames } from '../../src/region/preseed/names.ts';
import { PURPOSES, type PurposeDescription } from '../../src/region/preseed/request.ts';
import { VARIABLES } from '../../src/region/preseed/variables.ts';

/** Where the document lies. */
export const PRESEEDS_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'preseeds.md');

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ').trim();

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

const code = (text: string): string => (text === '' ? '' : `\`${text}\``);

const EXAMPLE_NAMES = templateNames({
  prefix: 'curtin_userdata',
  osystem: 'ubuntu',
  architecture: 'amd64',
  subarchitecture: 'generic',
  release: 'jammy',
  node: 'calm-ibis',
});

const purposes: readonly (readonly [string, PurposeDescription])[] = Object.entries(PURPOSES);

const DOCUMENT = `# Preseeds: what installers are told

A machine that is installed by its distribution's installer gets a file of answers; cloud-init and curtin get theirs. Each is made from a
template. The shipped ones work as they are; your own come first. This document is made from the code by \`npm run docs\`.

\`\`\`sh
rackboot preseed list                          # the templates, yours and the shipped ones
rackboot preseed show preseed_master           # one of them, to begin your own with
rackboot preseed render calm-ibis              # what this machine would be told now; --os, --release, --purpose for another
rackboot preseed render calm-ibis --names      # the names that are looked for
rackboot preseed render calm-ibis --file my-try --set http_proxy=http://10.20.0.1:8000/
\`\`\`

Your templates are in the directory \`preseeds.directory\` of the configuration, \`/etc/rackboot/preseeds\` by default. A changed file is read
anew; nothing needs a restart.

## How they reach a machine

\`rackboot machines deploy MACHINE bookworm --by installer\` boots the installer of the tree with the address of its answers on the kernel line. That
address holds a secret of this one boot, made from the boot's token, from which nothing else follows: it opens these answers, at the machine's present
address, until its disk is written. The answers hold a key of the machine's own. By it the late command says that the disk is written
(\`node_disable_pxe_url\`), and the installed system's cloud-init reads name, keys and user data at \`metadata_url\` and reports how it starts; its last
report makes the machine Deployed. The key ends when the machine is released or deployed anew.

| address below \`/MAAS/metadata/\` | who | what |
| --- | --- | --- |
| \`latest/meta-data/…\`, \`latest/user-data\` (also \`2012-03-01\`) | the machine, by its key | \`instance-id\`, \`local-hostname\`, \`public-keys\`, \`vendor-data\`; its owner's user data |
| \`latest/\` with \`op=signal\`, \`netboot_off\`, \`netboot_on\` | the machine, by its key | how far it is; which it starts from now on, disk or network |
| \`status/<id>\` | the machine, by its key | reports of cloud-init's webhook |
| \`curtin/…\` | the machine, by its key | the same for curtin, with its configuration as user data |
| \`latest/by-id/<id>/?op=get_preseed\` | its installer, by the secret in the address | the answers; \`op=user-data\`, \`meta-data\` for autoinstall |
| \`enlist/…\`, \`latest/enlist-preseed/\` | anybody in a managed network | what a machine is told that nobody knows |

A template that is wrong fails the deployment at once, with file and line.

## Purposes

${table(
  ['purpose', 'first part of the name', 'written in', 'meaning'],
  purposes.map(([name, { prefix, language, meaning }]) => [code(name), code(prefix), language, meaning]),
)}

## Names

The most particular name is looked for first: the first part, the operating system, architecture, sub-architecture, release and name of
the machine, joined by \`_\`; then one part less each time, and \`generic\` at last. For Ubuntu, and for a machine without an operating
system, the same name without that part is looked for as well. For one of Ubuntu's:

${EXAMPLE_NAMES.map((name, index) => `${index + 1}. \`${name}\``).join('\n')}

Name by name a file of yours wins over the shipped one. A part that is no plain name (a slash in it, a dot first) makes no name. A file that
is there and cannot be read is an error: it is not passed over.

## What a template may say

${table(
  ['directive', 'meaning'],
  [
    ['`{{name}}`, `{{node.hostname}}`, `{{ntp_servers[0]}}`', 'A value.'],
    [
      '`{{name|filter}}`, `{{filter(name)}}`, `{{"text " + name|filter}}`',
      'A value through a filter; texts are joined before.',
    ],
    [
      '`{{if x}}` … `{{elif y}}` … `{{else}}` … `{{endif}}`',
      'With `not`, `and`, `or`, `==`, `!=`, `in`, `not in` and brackets.',
    ],
    ['`{{for key in ssh_keys}}` … `{{endfor}}`', 'Through a list; `{{for name, value in node}}` through parts.'],
    ['`{{inherit "preseed_master"}}`', 'This template is that one, with blocks of its own.'],
    ['`{{def proxy}}` … `{{enddef}}`', 'A block: it takes the place of the inherited one of that name.'],
    ['`{{self.proxy}}`', 'Here the block is written; `{{self.body}}` is what stands outside of blocks.'],
    ['`{{include "name"}}`', 'Another template, here.'],
    ['`{{default name = "value"}}`', 'A value for a name that has none.'],
    [
      '`{{language yaml}}`',
      'What the template is written in: debconf, shell, yaml or text. `#!/bin/sh` and `#cloud-config` say it as well.',
    ],
    ['`{{# … }}`', 'A comment, which nobody is sent.'],
  ],
)}

A directive alone on its line takes the line with it. A name that is not defined is an error with file and line, in \`if\` too. The syntax is
that of MAAS's templates, without what runs programs (\`{{py: …}}\`, calls of methods, blocks with arguments); their names for filters,
\`escape.shell\` and \`escape.json\`, are understood.

## Quoting

What machines and people enter never changes the meaning of a file. A value stands as it is where it is harmless:

- **debconf** (\`d-i …\`): a value is one line, without back-slashes (debconf turns \`\\n\` into a line break) and blanks at its ends. In a command
  (\`…_command\`, \`…/run\`) it is a plain word or goes through \`|shell\`; kernel arguments are checked as such.
- **shell**: a plain word (letters, digits, \`_@%+=:,./-\`), or \`|shell\`, which makes one word of anything; not inside quotes.
- **yaml**: a plain word that YAML takes for a text, or \`|yaml\`, which must be the whole value: \`{{"echo " + (name|shell)|yaml}}\`.

Anything else is refused, with file, line and the filter that helps.

${table(
  ['filter', 'what it writes'],
  Object.entries(FILTERS).map(([name, text]) => [code(name), text]),
)}

## Values

Those about a machine are not defined where nobody knows it (\`enlist\`, \`enlist_userdata\`), the secrets not where it has no key.

${table(
  ['name', 'meaning', 'example'],
  Object.entries(VARIABLES).map(([name, { meaning, example }]) => [code(name), meaning, code(example)]),
)}

## The shipped ones

\`generic\` inherits \`preseed_master\`, the answers for the installers of Debian and of older Ubuntu, in blocks: \`language\`, \`network\`, \`proxy\`,
\`clock\`, \`accounts\`, \`partitioning\`, \`apt\`, \`kernel\`, \`client_packages\`, \`preseed\`, \`post_scripts\`. To change one of them, begin a file called
\`generic\`, \`debian\` or \`debian_amd64_generic_bookworm\`:

\`\`\`text
{{inherit "preseed_master"}}
{{def client_packages}}
d-i pkgsel/include string openssh-server sudo cloud-init vim
{{enddef}}
\`\`\`

Nobody gets a password: the keys of the owner open the user \`debian\` or \`ubuntu\`, who becomes root by sudo. The whole first disk is used, or
\`install_disk\`: \`--disk sda\` is the kernel's name, and a kernel may number disks otherwise at its next start. Ubuntu's autoinstall is given
the serial number instead, where the disk (virtio, NVMe, ATA) has reported one of its own; the Debian installer is given the name in any
case, for what udev calls the disk does not follow surely from the inventory: with several disks write a template for it. Which kernel is installed is left to the installer's own initrd, whose \`preseed.cfg\` names the one that belongs to it; an
answer to \`base-installer/kernel/altmeta\` or \`…/image\` would install another. When all is done the machine says that its disk is written,
and from then on boots it; one that cannot say so is switched off instead of being installed again.
`;

/** The whole document. */
export const renderPreseedsDocument = (): string => DOCUMENT;
