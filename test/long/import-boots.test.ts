// A machine is enlisted by a system that the region imported from a stream as MAAS's, by BIOS and by UEFI, and when the system is deleted and
// imported again during the boot.
// @host computes, 120 s

import { IMPORT_CASES, testImportBoots } from '../support/import-boots.ts';

testImportBoots([IMPORT_CASES.bios, IMPORT_CASES.uefi], 'amd64', ['/usr/share/OVMF/OVMF_CODE_4M.fd']);
