// Proposes the reader's own time zone. Without this the form shows the zone the server chose.
(() => {
  const select = document.querySelector("select[data-guess]");
  if (!select) return;
  const untouched = [...select.options].every((option) => option.selected === option.defaultSelected);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (untouched && [...select.options].some((option) => option.value === zone)) select.value = zone;
})();
