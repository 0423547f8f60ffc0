// docs/dhcp-options.md, made from the tables of the code: what an option of the configuration looks like, every name and type.

import { join } from 'node:path';
import { NAMED_OPTIONS, REFUSED_OPTIONS } from '../../src/dhcp/wire/option-names.ts';
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

Made from the code by \`npm run docs\`. An option stands in one of three places, the narrower counts first:

\`\`\`yaml
dhcp:
  options:                              # every network
    - { name: tz-database-timezone, value: Europe/Berlin }
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
- \`when\` names one or more of \`vendor_class\`, \`user_class\`, \`architecture\` (a number of option 93, or a list) and \`circuit_id\` (what
  the relay says of the port; text, or \`0x…\` for bytes). All that are named must hold. A \`*\` at the end of a text stands for anything.
  Of the entries of one code at one place the first that fits is used.
- \`router_ip\`, \`dns_servers\`, \`ntp_servers\` and \`domain\` of a cluster interface count before a global option of the same meaning, and after
  an option of that cluster interface. The name and the domain of a machine of the region count before all but its host entry.
- What a machine boots (43, 60, 66, 67, 210) is the boot plan's; only an entry with \`when\` or \`force\` takes its place, and \`siaddr\` and
  \`file\` follow it. Option 60 of UEFI HTTP boot stays \`HTTPClient\`, and firmware that needs an option 43 of its own
  keeps that (\`docs/firmware.md\`).
- A client that asks for 121 looks at no router (RFC 3442): it is sent none, and routes without a default route get \`router_ip\` as one.
- A value over 255 bytes is divided (RFC 3396). What does not fit the client's largest message moves to \`sname\` and \`file\`; what fits
  nowhere is left out, and the event names it (\`omitted\`).

## Types

${table(
  ['Type', 'What is written'],
  OPTION_TYPE_NAMES.map((name) => [`\`${name}\``, OPTION_TYPES[name]]),
)}

\`hex\` can stand for every option; any other option than those below needs its \`type\`.

## Names

${table(
  ['Code', 'Name', 'Type'],
  NAMED_OPTIONS.map(({ code, name, type }) => [String(code), `\`${name}\``, `\`${type}\``]),
)}

## What cannot be configured

${table(
  ['Code', 'Why'],
  [...REFUSED_OPTIONS].map(([code, why]) => [String(code), why]),
)}
`;
}
