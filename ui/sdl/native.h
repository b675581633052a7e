/* A window of SDL's as its host knows it. */
#pragma once

#define SDL_MAIN_HANDLED
#include <SDL.h>

/* The HWND on Windows; NULL on other systems. */
void *native_window(SDL_Window *sdl);
