/*
 * MSI-X table of an emulated function; see msix.h.
 */
#include "virtio/device/msix.h"

#include "lib/string.h"
#include "virtio/device/platform.h"

void msix_reset(struct msix *m)
{
    memset(m->table, 0, sizeof(m->table));
    for (unsigned i = 0; i < MSIX_ENTRIES; i++)
        m->table[(i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL) / 4] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
    m->pending = 0;
}

void msix_init(struct msix *m, struct pci_model *f, uint32_t table_offset, uint32_t pending_offset)
{
    struct {
        uint8_t id, next;
        uint16_t control;
        uint32_t table, pending; /* in BAR 0 */
    } capability = {.control = MSIX_ENTRIES - 1, .table = table_offset, .pending = pending_offset};

    m->function = f;
    m->capability = pci_model_add_capability(f, PCI_CAP_ID_MSIX, &capability, sizeof(capability));
    f->writable[m->capability + PCI_MSIX_FLAGS + 1] = (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
    msix_reset(m);
}

static const uint32_t *entry_of(const struct msix *m, unsigned entry)
{
    return &m->table[entry * PCI_MSIX_ENTRY_SIZE / 4];
}

static bool is_masked(const struct msix *m, unsigned entry)
{
    return (pci_model_word(m->function, m->capability + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_MASKALL) ||
           (entry_of(m, entry)[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

void msix_raise(struct msix *m, unsigned entry)
{
    uint16_t control = pci_model_word(m->function, m->capability + PCI_MSIX_FLAGS);

    if (entry >= MSIX_ENTRIES || !(control & PCI_MSIX_FLAGS_ENABLE))
        return;
    if (is_masked(m, entry)) {
        m->pending |= BIT(entry);
        return;
    }
    const uint32_t *e = entry_of(m, entry);
    m->pending &= ~BIT(entry);
    platform_msi(m->function->vm,
                 (uint64_t)e[PCI_MSIX_ENTRY_UPPER_ADDR / 4] << 32 | e[PCI_MSIX_ENTRY_LOWER_ADDR / 4],
                 e[PCI_MSIX_ENTRY_DATA / 4]);
}

void msix_control_changed(struct msix *m)
{
    for (unsigned i = 0; m->pending && i < MSIX_ENTRIES; i++)
        if (m->pending & BIT(i))
            msix_raise(m, i);
}

uint32_t msix_table_read(const struct msix *m, unsigned offset)
{
    return m->table[offset / 4];
}

void msix_table_write(struct msix *m, unsigned offset, uint32_t value)
{
    bool is_control = offset % PCI_MSIX_ENTRY_SIZE == PCI_MSIX_ENTRY_VECTOR_CTRL;

    m->table[offset / 4] = is_control ? value & PCI_MSIX_ENTRY_CTRL_MASKBIT : value;
    msix_control_changed(m);
}
