// docs/reference/dhcp-options.md, made from the tables of the code: the form of an option in the configuration, and every name and type.

import { join } from 'node:path';
import { ADDRESSES_MAX, REFRESH_MS, RETRY_MS } from '../../src/daemon/rack/server-names.ts';
import { KNOWN_OPTIONS, NAMED_OPTIONS } from '../../src/dhcp/wire/option-table.ts';
import { OPTION_TYPE_NAMES, OPTION_TYPES } from '../../src/dhcp/wire/option-value.ts';
import { table } from './markdown-table.ts';

/** Where the document lies. */
export const DHCP_OPTIONS_DOCUMENT = join(import.meta.dirname, '..', '..', 'docs', 'reference', 'dhcp-options.md');

/** The document. */
export function renderDhcpOptionsDocument(): string {
  return `# DHCP options by configuration

This document is made from \`src/dhcp/wire/option-table.ts\` by \`npm run docs\`. You can set an option in four places; the narrowest wins:

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

## Which clients get an option

- An option is sent to a client that asks for it (its parameter request list), to a client that sends no such list, and, with \`force: true\`,
  to every client.
- \`when\` names one or more of \`hostname\` and \`mac\` (as in classes), \`vendor_class\`, \`user_class\`, \`architecture\` (a number of option
  93, or a list) and \`circuit_id\` (the relay agent's name of the port; text, or \`0x…\` for bytes). All parts must match. A \`*\` at the end of a text
  stands for anything. Of several entries for one code in one place, the first match is used.
- \`router_ip\`, \`dns_servers\`, \`ntp_servers\` and \`domain\` of a cluster interface win over a global option of the same meaning; an option of that
  cluster interface or of a class wins over them. The name and domain of a machine of the region win over everything but its host entry.
- The boot plan sets the options for booting (43, 60, 66, 67, 210). Only an entry with \`when\` or \`force\`, or of a class, replaces them, and \`siaddr\` and
  \`file\` follow it. Option 60 of UEFI HTTP boot stays \`HTTPClient\`, and firmware that needs an option 43 of its own
  keeps that (\`docs/firmware.md\`).
- A client that asks for 121 ignores routers (RFC 3442): the rack sends it none, and adds \`router_ip\` as default route to routes without one.
- A value over 255 bytes is split (RFC 3396). Options that do not fit the client's largest message move to \`sname\` and \`file\`. Options that fit
  nowhere are left out, and the event names them (\`omitted\`).

## Servers by name

\`ntp_servers\` and the option \`ntp-servers\` take names, too: \`ntp_servers: [10.20.0.1, ntp.example.net]\`. DHCP has only addresses, so the rack looks
the names up every ${REFRESH_MS / 60_000} minutes, with its own name server and then with that of the host, and offers up to ${ADDRESSES_MAX} addresses of each. Preseeds and cloud-init
of the machines get the names of \`dhcp.options\`.

A name that cannot be looked up keeps the addresses of its last answer until the rack restarts, and is asked again every ${RETRY_MS / 1000} s. \`rackboot doctor\`
and the log (\`ntp-name-unresolved\`) say so. Racks of earlier versions refuse settings with names and keep those that they have: update them first.

## Options for booting

The rack sends these options to a client that boots from the network, even if it does not ask for them, and to no other client. The other
rules above do not change them.

| Code | Sent | Why not always |
| --- | --- | --- |
| 66, 67, with \`siaddr\` and \`file\` | to every client that has a loader | |
| 60 | as \`HTTPClient\` to UEFI that boots by HTTP, as \`PXEClient\` to firmware with a quirk that needs it, and in proxy mode | UEFI (EDK2) reads \`PXEClient\` in an offer as a request for boot server discovery, and asks port 4011 before it loads anything. Where this rack gives the addresses, the offer names the boot file at once, and port 4011 is not needed. Firmware for HTTP boot ignores an offer without \`HTTPClient\`. |
| 43 | to firmware with a quirk that needs it, and in proxy mode to all but HTTP boot | it says how to find a boot server, and there is none to find |
| 210 | to BIOS machines that load \`lpxelinux.0\`, as the URL of this rack's boot files, if it listens by HTTP in their network; and to firmware with a pxelinux configuration reader, as the directory of its loader, if that is in one; not with the quirk \`plain-tftp\` | pxelinux without HTTP, GRUB and iPXE cannot follow a URL there or do not read it; without the option a loader continues by TFTP from the same server, which is right for all of them |
| 175 | to iPXE, as "do not wait for a proxy server" | it is iPXE's own |

An option of the configuration can also send each of them to other clients, as described above.

## Types

${table(
  ['Type', 'Written value'],
  OPTION_TYPE_NAMES.map((name) => [`\`${name}\``, OPTION_TYPES[name]]),
)}

\`hex\` is possible for every option; an option without a name needs a \`type\`.

## Names

A value that the option's RFC forbids is refused, even as \`hex\`. If a cell is empty, every value of the type is legal.

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

Configure these by code and type, like every other code. \`rackboot replay\` knows them.

${KNOWN_OPTIONS.flatMap((row) => (row.kind === 'unnamed' ? [`${row.code} ${row.label}`] : [])).join(', ')}

## What cannot be configured

${table(
  ['Code', 'In a capture', 'Why'],
  KNOWN_OPTIONS.flatMap((row) => (row.kind === 'refused' ? [[String(row.code), row.label, row.why]] : [])),
)}
`;
}
