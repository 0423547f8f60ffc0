// docs/dhcp-options.md, made from the tables of the code: what an option of the configuration looks like, every name and type.

import { join } from 'node:path';
import { KNOWN_OPTIONS, NAMED_OPTIONS } from '../../src/dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES, OPTION_TYPES } from '../../src/dhcp/wire/option-value.ts';

/** Where the document lies. */
export const DHCP_OPTIONS_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'dhcp-options.md');

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ').trim();

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.map(cell).join(' | ')} |`).join('\n');
}

/** The document. */
export function renderDhcpOptionsDocument(): string {
  return `# DHCP options by configuration

Made from \`src/dhcp/wire/option-table.ts\` by \`npm run docs\`. An option stands in one of four places, the narrower counts first:

\`\`\`yaml
dhcp:
  options:                              # every network
    - { name: tz-database-timezone, value: Europe/Berlin }
  classes:                              # a class of clients; see docs/dhcp-reservations-and-classes.md
    - { name: phones, when: { mac: "00:04:13" }, options: [{ name: tftp-server-name, value: phones.example }] }
cluster_interfaces:
  - name: lab
    options:                            # this network
      - { name: classless-static-routes, value: [[10.9.0.0/16, 10.20.0.254]] }
      - { code: 43, type: hex, value: "f1040a140005", when: { vendor_class: "Cisco AP*" } }
    hosts:
      - mac: "52:54:00:12:34:56"
        ip: 10.20.0.10
        options:                        # this host alone
          - { code: 224, type: text, value: for this one, force: true }
\`\`\`

## How an option is given

- To a client that asks for it (its parameter request list), to every client with \`force: true\`, and to a client that sends no such
  list at all.
- \`when\` names one or more of \`hostname\` and \`mac\` (as classes do), \`vendor_class\`, \`user_class\`, \`architecture\` (a number of option
  93, or a list) and \`circuit_id\` (what the relay says of the port; text, or \`0x…\` for bytes). All that are named must hold. A \`*\` at the end of a text stands for anything.
  Of the entries of one code at one place the first that fits is used.
- \`router_ip\`, \`dns_servers\`, \`ntp_servers\` and \`domain\` of a cluster interface count before a global option of the same meaning, and after
  an option of that cluster interface or of a class. The name and the domain of a machine of the region count before all but its host entry.
- What a machine boots (43, 60, 66, 67, 210) is the boot plan's; only an entry with \`when\` or \`force\`, or of a class, takes its place, and \`siaddr\` and
  \`file\` follow it. Option 60 of UEFI HTTP boot stays \`HTTPClient\`, and firmware that needs an option 43 of its own
  keeps that (\`docs/firmware.md\`).
- A client that asks for 121 looks at no router (RFC 3442): it is sent none, and routes without a default route get \`router_ip\` as one.
- A value over 255 bytes is divided (RFC 3396). What does not fit the client's largest message moves to \`sname\` and \`file\`; what fits
  nowhere is left out, and the event names it (\`omitted\`).

## What boots a machine

To a client that boots from the network these are sent whether it asks for them or not, and to no other; the rest of the list above
does not change them.

| Code | Sent | Why not always |
| --- | --- | --- |
| 66, 67, with \`siaddr\` and \`file\` | to every client that has a loader | |
| 60 | as \`HTTPClient\` to UEFI that boots by HTTP, as \`PXEClient\` to firmware with a quirk that needs it, and beside another DHCP server | UEFI (EDK2) takes an offer with \`PXEClient\` for one that wants a boot server discovery, and asks port 4011 before it loads anything; where this rack gives the addresses it is told the boot file at once, and nobody has to answer there. Firmware for HTTP boot looks at no offer without \`HTTPClient\`. |
| 43 | to firmware with a quirk that needs it, and beside another DHCP server to all but HTTP boot | it says how to look for a boot server, and there is none to look for |
| 210 | to BIOS machines that load \`lpxelinux.0\`, as the URL of this rack's boot files, where it listens by HTTP in their network; and to firmware that reads pxelinux configurations by itself, as the directory of its loader, where that is in one; not with the quirk \`plain-tftp\` | pxelinux without HTTP, GRUB and iPXE cannot follow a URL there or do not read it; without the option a loader goes on by TFTP where it came from, which is right for all of them |
| 175 | to iPXE, as "wait for no proxy server" | it is iPXE's own |

An option of the configuration sends each of them to others, too, as said above.

## Types

${table(
  ['Type', 'What is written'],
  OPTION_TYPE_NAMES.map((name) => [`\`${name}\``, OPTION_TYPES[name]]),
)}

\`hex\` can stand for every option; any option without a name needs its \`type\`.

## Names

What is not legal by the RFC of its option is refused, also when it is given as \`hex\`. An empty cell means that every value of the type is legal.

${table(
  ['Code', 'Name', 'In a capture', 'Type', 'Legal', 'Source'],
  NAMED_OPTIONS.map(({ code, name, label, type, legal, source }) => [
    String(code),
    `\`${name}\``,
    label,
    `\`${type}\``,
    legal?.text ?? '',
    source,
  ]),
)}

## Known without a name

These are configured by code and type, as every other code is. \`rackboot decode\` and \`replay\` know them.

${table(
  ['Code', 'In a capture'],
  KNOWN_OPTIONS.flatMap((row) => (row.kind === 'unnamed' ? [[String(row.code), row.label]] : [])),
)}

## What cannot be configured

${table(
  ['Code', 'In a capture', 'Why'],
  KNOWN_OPTIONS.flatMap((row) => (row.kind === 'refused' ? [[String(row.code), row.label, row.why]] : [])),
)}
`;
}
