// A machine is enlisted by a system that the region imported from a stream as MAAS's, by UEFI and by BIOS, and by UEFI when the system is deleted
// and imported again during the boot.
// @host computes, 320 s

import { IMPORT_CASES, testImportBoots } from '../cases/import-boots.ts';

testImportBoots([IMPORT_CASES.uefi, IMPORT_CASES.bios], 'amd64', ['/usr/share/OVMF/OVMF_CODE_4M.fd']);
