// docs/preseeds.md, made from the tables of the code: how templates are found, their syntax, and every name that they may use.

import { join } from 'node:path';
import { FILTERS, METHODS } from '../../src/region/preseed/evaluation.ts';
import { templateNames } from '../../src/region/preseed/names.ts';
import { PURPOSES, type PurposeDescription } from '../../src/region/preseed/request.ts';
import { VARIABLES } from '../../src/region/preseed/variables.ts';
import { table } from './markdown-table.ts';

/** Where the document lies. */
export const PRESEEDS_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'preseeds.md');

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

const DOCUMENT = `# Preseeds: answers for installers

A machine that is installed by its distribution's installer gets a file of answers; cloud-init and curtin get their own. Each file is rendered from a
template. The shipped templates work as they are; your own come first. This document is made from the code by \`npm run docs\`.

\`\`\`sh
rackboot preseed list                          # the templates, yours and the shipped ones
rackboot preseed show preseed_master           # one of them, as a start for your own
rackboot preseed render calm-ibis              # the answers for this machine now; --os, --release, --purpose select others
rackboot preseed render calm-ibis --names      # the names that Rackboot looks for
rackboot preseed render calm-ibis --file my-try --set http_proxy=http://10.20.0.1:8000/
\`\`\`

Your templates are in the directory \`preseeds.directory\` of the configuration, \`/etc/rackboot/preseeds\` by default. Rackboot reads a changed file
again; you need no restart.

## How they reach a machine

\`rackboot machines deploy MACHINE bookworm --by installer\` boots the installer of the tree with the URL of its answers on the kernel line. That
URL contains a secret of this one boot, derived from the boot's token. The secret opens only these answers, only from the machine's current
address, and only until its disk is written. The answers contain a key of the machine's own. With it, the late command reports that the disk is written
(\`node_disable_pxe_url\`), and the installed system's cloud-init reads name, keys and user data at \`metadata_url\` and reports its start; its last
report makes the machine Deployed. The key ends when the machine is released or deployed again.

| address below \`/MAAS/metadata/\` | who | what |
| --- | --- | --- |
| \`latest/meta-data/…\`, \`latest/user-data\` (also \`2012-03-01\`) | the machine, by its key | \`instance-id\`, \`local-hostname\`, \`public-keys\`, \`vendor-data\`; its owner's user data |
| \`latest/\` with \`op=signal\`, \`netboot_off\`, \`netboot_on\` | the machine, by its key | its progress; whether it boots from disk or network from now on |
| \`status/<id>\` | the machine, by its key | reports of cloud-init's webhook |
| \`curtin/…\` | the machine, by its key | the same for curtin, with its configuration as user data |
| \`latest/by-id/<id>/?op=get_preseed\` | its installer, by the secret in the address | the answers; \`op=user-data\`, \`meta-data\` for autoinstall |
| \`enlist/…\`, \`latest/enlist-preseed/\` | any host in a managed network | the answers for an unknown machine |

A template that is wrong fails the deployment at once, with file and line.

## Purposes

${table(
  ['purpose', 'first part of the name', 'written in', 'meaning'],
  purposes.map(([name, { prefix, language, meaning }]) => [code(name), code(prefix), language, meaning]),
)}

## Names

Rackboot looks for the most specific name first: the first part, the operating system, architecture, sub-architecture, release and name of
the machine, joined by \`_\`; then one part less each time, and \`generic\` last. For Ubuntu, and for a machine without an operating
system, it also looks for the same name without that part. For a machine of Ubuntu:

${EXAMPLE_NAMES.map((name, index) => `${index + 1}. \`${name}\``).join('\n')}

For each name, your own file wins over the shipped one. A part that is not a plain name (it contains a slash, or starts with a dot) makes no name. A file
that exists but cannot be read is an error; Rackboot does not skip it.

## Directives

${table(
  ['directive', 'meaning'],
  [
    ['`{{name}}`, `{{node.hostname}}`, `{{ntp_servers[0]}}`', 'A value.'],
    [
      '`{{name|filter}}`, `{{filter(name)}}`, `{{"text " + name|filter}}`',
      'A value through a filter; texts are joined first.',
    ],
    [
      '`{{if x}}` … `{{elif y}}` … `{{else}}` … `{{endif}}`',
      'With `not`, `and`, `or`, `==`, `!=`, `in`, `not in` and brackets.',
    ],
    ['`{{for key in ssh_keys}}` … `{{endfor}}`', 'Iterates over a list; `{{for name, value in node}}` over parts.'],
    ['`{{inherit "preseed_master"}}`', 'Inherits that template and replaces some of its blocks.'],
    ['`{{def proxy}}` … `{{enddef}}`', 'Defines a block, which replaces the inherited block of that name.'],
    ['`{{self.proxy}}`', 'Inserts the block; `{{self.body}}` inserts the text outside of blocks.'],
    ['`{{include "name"}}`', 'Inserts another template.'],
    ['`{{default name = "value"}}`', 'A value for a name that has none.'],
    ['`{{py: name = "value"}}`', 'A value for a name. Other code is refused where a rendering reaches it.'],
    ['`{{x if y else z}}`, `{{if x in ["a", "b"]}}`', 'A choice; a list.'],
    ['`{{for line in str(x).splitlines()}}`', 'A method, of those below.'],
    [
      '`{{language yaml}}`',
      'The language of the template: debconf, shell, yaml or text. `#!/bin/sh` and `#cloud-config` declare it, too.',
    ],
    ['`{{# … }}`', 'A comment; it is not part of the output.'],
  ],
)}

A directive alone on its line removes the line. An undefined name is an error with file and line, in \`if\` too. The syntax is
that of MAAS's templates, without the parts that run programs (other code in \`{{py: …}}\`, blocks with arguments). MAAS's own template for curtin and
those for packer-maas's images work as they are, and so do MAAS's names for filters, \`escape.shell\` and \`escape.json\`.

## Quoting

Input from machines and users never changes the meaning of a file. A value needs no filter where it is harmless:

- **debconf** (\`d-i …\`): a value is one line, without back-slashes (debconf turns \`\\n\` into a line break) and blanks at its ends. In a command
  (\`…_command\`, \`…/run\`) it is a plain word or goes through \`|shell\`; kernel arguments are checked as such.
- **shell**: a plain word (letters, digits, \`_@%+=:,./-\`), or \`|shell\`, which makes one word of anything; not inside quotes.
- **yaml**: a plain word that YAML reads as a text, or \`|yaml\`, which must be the whole value: \`{{"echo " + (name|shell)|yaml}}\`.
  In the lines below \`key: |\`, any value of one line.

Anything else is refused, with file, line and the filter that helps.

${table(
  ['filter', 'output'],
  Object.entries(FILTERS).map(([name, text]) => [code(name), text]),
)}

${table(
  ['method', 'value'],
  Object.entries(METHODS).map(([name, text]) => [code(`${name}()`), text]),
)}

## Values

Values of a machine are undefined while the machine is unknown (\`enlist\`, \`enlist_userdata\`); secrets are undefined while it has no key.

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

No user gets a password: the keys of the owner open the user \`debian\` or \`ubuntu\`, who becomes root with sudo.

The installer uses the whole first disk, or \`install_disk\`. \`--disk sda\` is the kernel's name, and a kernel may number disks differently at its next
start. Ubuntu's autoinstall gets the serial number instead, if the disk (virtio, NVMe, ATA) has reported one of its own. The Debian installer always
gets the name, because udev's name of the disk cannot be derived reliably from the inventory: with several disks, write a template for it.

The installer's own initrd chooses the kernel: its \`preseed.cfg\` names the one that belongs to it, and an answer to
\`base-installer/kernel/altmeta\` or \`…/image\` would install another. At the end the machine reports that its disk is written, and from then on
boots it. If it cannot report that, it is switched off instead of being installed again.
`;

/** The whole document. */
export const renderPreseedsDocument = (): string => DOCUMENT;
