// Icons as shapes: fonts with pictures are not on every device.

function Icon({ path }: { path: string }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
      <path d={path} />
    </svg>
  );
}

export const MenuIcon = () => <Icon path="M4 7h16M4 12h16M4 17h16" />;
export const PeopleIcon = () => <Icon path="M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 20a6 6 0 0 1 12 0M16 4.5a3.5 3.5 0 0 1 0 6M21 20a6 6 0 0 0-4-5.6" />;
export const MoreIcon = () => <Icon path="M6 12h.01M12 12h.01M18 12h.01" />;
export const CloseIcon = () => <Icon path="M6 6l12 12M18 6L6 18" />;
